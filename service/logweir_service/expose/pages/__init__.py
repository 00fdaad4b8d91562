"""The pages: what people open at three in the morning. Rendered here, readable without JavaScript.

To add a page:

1. a template in ``templates/`` that begins with ``{% extends "layout.html" %}`` and fills the blocks
   ``title`` and ``main`` (``head`` and ``search`` where it must);
2. a module with one function that makes an ``APIRouter`` of what it shows and of `Pages`, whose routes answer
   ``pages.page("name.html", here="status", ...)``, ``here`` being its key in ``layout.html``;
   `shown` in ``marks.py`` are the filters of all templates;
3. scripts and styles go into ``static/`` and are named by ``{{ static("name.js") }}``. No inline script or
   style: the Content-Security-Policy of `page_headers` forbids it. Bars and plots are inline SVG, whose
   geometry stands in attributes.

Every answer that shows content has `page_headers`. Everything of an event is shown as text: templates escape,
and the filters make characters visible that would hide or turn it.
"""

from .headers import page_headers
from .page import Pages
from .routes import page_routes
from .search import search_page
from .static import static_route
from .story import story_page
from .trouble import trouble_page, wants_page

__all__ = [
    "Pages",
    "page_headers",
    "page_routes",
    "search_page",
    "static_route",
    "story_page",
    "trouble_page",
    "wants_page",
]

"""Templates, and the one function that makes an answer of them."""

from __future__ import annotations

from typing import Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from logweir_service.expose.links import Links

from .headers import page_headers
from .marks import shown, url
from .static import Static


class Pages:
    """All pages' frame: layout, filters and static files. Made once; may be used by any thread.

    Where they are `guarded` by a session, each has a button that ends it. Templates know `links`.
    """

    def __init__(self, *, version: str, guarded: bool = False, links: Links | None = None) -> None:
        self.static = Static()
        self.guarded = guarded
        self.links = links or Links()
        self._templates = Environment(
            loader=PackageLoader(__package__),
            autoescape=True,
            auto_reload=False,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters |= shown
        self._templates.globals |= {
            "version": version,
            "guarded": guarded,
            "links": self.links,
            "static": self.static.url,
            "url": url,
        }

    def page(self, template: str, /, *, here: str = "", status: int = 200, **told: Any) -> HTMLResponse:
        """The page that `template` makes of what is `told`; `here` is its key in the navigation."""
        return HTMLResponse(self.render(template, here=here, **told), status, page_headers())

    def render(self, template: str, /, *, here: str = "", **told: Any) -> str:
        """The text of a page, or of a part of one."""
        return self._templates.get_template(template).render(here=here, **told)

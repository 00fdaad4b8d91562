"""What is read over HTTP: metrics, search, health, limits."""

from .catalogue import Cataloguer
from .catalogue_page import catalogue_routes
from .events import events_route
from .login import login_routes
from .reader import Reader
from .reload import reload_route
from .routes import Readable, reading_routes, refuse_alike
from .search import search_route
from .status import status_routes
from .story import chapters, story_routes
from .tail import tail_route

__all__ = [
    "Cataloguer",
    "Readable",
    "Reader",
    "catalogue_routes",
    "chapters",
    "events_route",
    "login_routes",
    "reading_routes",
    "refuse_alike",
    "reload_route",
    "search_route",
    "status_routes",
    "story_routes",
    "tail_route",
]

"""What is read over HTTP: metrics, search, health, limits."""

from .routes import Readable, reading_routes, refuse_alike
from .status import status_route

__all__ = ["Readable", "reading_routes", "refuse_alike", "status_route"]

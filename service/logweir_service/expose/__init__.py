"""What is read over HTTP: metrics, search, health, limits."""

from .routes import Readable, reading_routes

__all__ = ["Readable", "reading_routes"]

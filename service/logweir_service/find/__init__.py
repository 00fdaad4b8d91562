"""Everything of one correlation id, in the order it happened."""

from .index import ActiveIndex, Stretch
from .render import render_story, visible
from .stories import Stories

__all__ = ["ActiveIndex", "Stories", "Stretch", "render_story", "visible"]

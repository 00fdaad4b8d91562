"""Everything of one correlation id, in the order it happened; and what else a query asks for."""

from .index import ActiveIndex, Stretch
from .query import BadQuery, Match, Query
from .render import render_story, visible
from .stories import Stories

__all__ = ["ActiveIndex", "BadQuery", "Match", "Query", "Stories", "Stretch", "render_story", "visible"]

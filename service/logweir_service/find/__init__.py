"""Everything of one correlation id, in the order it happened; and what else a query asks for."""

from .index import ActiveIndex, Stretch
from .moment import Moment
from .query import BadQuery, Match, Query
from .render import render_story
from .stack import Frame, Raised
from .stories import Stories
from .timeline import Row, Timeline, timeline
from .visible import shown, visible

__all__ = [
    "ActiveIndex",
    "BadQuery",
    "Frame",
    "Match",
    "Moment",
    "Query",
    "Raised",
    "Row",
    "Stories",
    "Stretch",
    "Timeline",
    "render_story",
    "shown",
    "timeline",
    "visible",
]

"""Everything of one correlation id, in the order it happened; and what else a query asks for."""

from .asked import Asked, Page, StoryPlace, read_story_place
from .catalogue import Catalogue
from .cursor import Place, read_place
from .epoch import microseconds
from .flat import FlatRows
from .ids import ID_KINDS, MAX_ID, IdKind
from .index import ActiveIndex, Stretch
from .length import length
from .look import Look
from .moment import Moment
from .query import BadQuery, Match, Query
from .render import render_rows, render_story
from .scan import MAX_EVENTS, Bounds, Found, Looked, Partial, Scan
from .search import MAX_SECONDS, Search
from .spans import Spans, spans
from .stack import Frame, Raised
from .stories import Stories
from .tail import POLL_SECONDS, Dropped, Followed, Tail
from .telling import story_as_json
from .timeline import Row, Timeline, timeline
from .times import read_time
from .visible import shown, visible, visible_json

__all__ = [
    "ID_KINDS",
    "MAX_EVENTS",
    "MAX_ID",
    "MAX_SECONDS",
    "POLL_SECONDS",
    "ActiveIndex",
    "Asked",
    "BadQuery",
    "Bounds",
    "Catalogue",
    "Dropped",
    "FlatRows",
    "Followed",
    "Found",
    "Frame",
    "IdKind",
    "Look",
    "Looked",
    "Match",
    "Moment",
    "Page",
    "Partial",
    "Place",
    "Query",
    "Raised",
    "Row",
    "Scan",
    "Search",
    "Spans",
    "Stories",
    "StoryPlace",
    "Stretch",
    "Tail",
    "Timeline",
    "length",
    "microseconds",
    "read_place",
    "read_story_place",
    "read_time",
    "render_rows",
    "render_story",
    "shown",
    "spans",
    "story_as_json",
    "timeline",
    "visible",
    "visible_json",
]

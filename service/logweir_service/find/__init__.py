"""Everything of one correlation id, in the order it happened; and what else a query asks for."""

from .index.active import ActiveIndex, Stretch
from .index.asked import Asked, Page, StoryPlace, read_story_place
from .index.catalogue import Catalogue
from .index.epoch import microseconds
from .index.ids import ID_KINDS, MAX_ID, IdKind
from .index.spans import Spans, spans
from .index.stories import Stories
from .query.cursor import Place, read_place
from .query.query import BadQuery, Match, Query
from .query.scan import MAX_EVENTS, Bounds, Found, Looked, Partial, Scan
from .query.search import MAX_SECONDS, Search
from .query.tail import POLL_SECONDS, Dropped, Followed, Tail
from .query.times import read_time
from .story.flat import FlatRows
from .story.length import length
from .story.look import Look
from .story.moment import Moment
from .story.render import render_rows, render_story
from .story.stack import Frame, Raised
from .story.telling import story_as_json
from .story.timeline import Row, Timeline, timeline
from .story.visible import shown, visible, visible_json

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

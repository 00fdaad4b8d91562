"""Joins the stages: one event's way, what is kept of it through a restart, and what is removed."""

from .delivery import MAX_SEQ, Delivery, Receipt
from .keeper import Keeper
from .lag import BOUNDS
from .numbers import Counting, Numbers
from .pipeline import Pipeline
from .recovery import Resumed
from .replay import Difference, Replay, differences
from .switching import Changed

__all__ = [
    "BOUNDS",
    "MAX_SEQ",
    "Changed",
    "Counting",
    "Delivery",
    "Difference",
    "Keeper",
    "Numbers",
    "Pipeline",
    "Receipt",
    "Replay",
    "Resumed",
    "differences",
]

"""Joins the stages: one event's way, what is kept of it through a restart, and what is removed."""

from .delivery import MAX_SEQ, Delivery, Receipt
from .erasure import Erasure, User
from .erasure import Found as ErasureFound
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
    "Erasure",
    "ErasureFound",
    "Keeper",
    "Numbers",
    "Pipeline",
    "Receipt",
    "Replay",
    "Resumed",
    "User",
    "differences",
]

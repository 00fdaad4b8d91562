"""What a search asks for, as it is handed from those who are asked to those who look."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from .cursor import Place
from .scan import MAX_EVENTS

MAX_SECONDS: Final = 10.0
"""How long a search may take, and how long it takes where nothing is said."""


@dataclass(frozen=True, slots=True)
class Search:
    """What is asked; a `Query` takes the text and the condition."""

    text: str = ""
    where: str = ""
    since: datetime | None = None
    until: datetime | None = None
    before: Place | None = None
    limit: int = MAX_EVENTS
    seconds: float = MAX_SECONDS

"""The place of an event in the journal, as texts that are handed out and come back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_TEXT: Final = re.compile(r"([1-9]\d{0,17}|0):(0|[1-9]\d{0,8})", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Which commit an event came with, and its place among the lines of that commit, from 0."""

    lsn: int
    index: int

    @classmethod
    def newest(cls) -> Place:
        """A place behind all events that there will be."""
        return cls(10**17, 0)

    def __str__(self) -> str:
        return f"{self.lsn}:{self.index}"


def read_place(text: str) -> Place:
    """The place that a text such as ``4711:3`` names.

    Raises:
        ValueError: it names none.
    """
    found = _TEXT.fullmatch(text)
    if found is None:
        raise ValueError("is none that was handed out: it reads NUMBER:NUMBER")
    return Place(int(found[1]), int(found[2]))

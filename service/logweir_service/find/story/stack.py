"""The exceptions that an event reports, whatever shape a sender gave them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .visible import shown


@dataclass(frozen=True, slots=True)
class Frame:
    """One call of a stack. Texts are `visible`, and empty where nothing was said."""

    filename: str
    lineno: str
    function: str
    source: str
    in_app: bool


@dataclass(frozen=True, slots=True)
class Raised:
    """One exception of a chain; the one raised comes first, then what it hangs on."""

    type: str
    value: str
    relation: str
    """How it led to the one before it: empty for the first, else ``caused by`` or ``while handling``."""
    frames: tuple[Frame, ...]
    """As they were called: the last one raised."""

    @property
    def headline(self) -> str:
        """Its type and what it says, on one line."""
        return f"{self.type}: {self.value}" if self.value else self.type

    def own_frames(self) -> tuple[Frame, ...]:
        """The application's own frames; all where none is."""
        return tuple(frame for frame in self.frames if frame.in_app) or self.frames


def raised(fields: Mapping[str, Any]) -> tuple[Raised, ...]:
    """The chain in an event's `exception`; what in it is no exception is passed over."""
    return tuple(
        Raised(
            type=shown(link.get("type")) or "Error",
            value=shown(link.get("value")),
            relation=_relation(link.get("relation")) if number else "",
            frames=tuple(_frame(frame) for frame in _mappings(link.get("frames"))),
        )
        for number, link in enumerate(_mappings(fields.get("exception")))
    )


def _relation(relation: object) -> str:
    return "caused by" if relation == "cause" else "while handling"


def _frame(frame: Mapping[str, Any]) -> Frame:
    return Frame(
        filename=shown(frame.get("filename")),
        lineno=shown(frame.get("lineno")),
        function=shown(frame.get("function")),
        source=shown(frame.get("context_line")).strip(),
        in_app=frame.get("in_app") is True,
    )


def _mappings(value: object) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []

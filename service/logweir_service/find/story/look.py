"""How lines look on a terminal: cut to its width, and coloured."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

BOLD: Final = "1"
DIM: Final = "2"
LEVELS: Final = {"debug": "2", "info": "", "warning": "33", "error": "1;31", "critical": "1;37;41"}
SERVICES: Final = ("36", "35", "34", "32", "96", "95", "94", "92")
"""Neither red nor yellow, which are for levels."""


class Part(NamedTuple):
    """A piece of a line, `visible` already, and how it is coloured."""

    text: str
    style: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """Whether there are colours, how many columns (None: as many as it takes), what bars are drawn with."""

    colour: bool = False
    width: int | None = None
    bar: str = "="
    dot: str = "."
    cut: str = "..."
    """Where something was cut off."""

    def line(self, parts: Iterable[Part]) -> str:
        """The parts one after the other, without blanks at the end, cut where the terminal ends."""
        kept = self._cut([*parts])
        while kept and not kept[-1].text.strip():
            kept.pop()
        if kept:
            kept[-1] = Part(kept[-1].text.rstrip(), kept[-1].style)
        if not self.colour:
            return "".join(part.text for part in kept)
        return "".join(f"\x1b[{style}m{text}\x1b[0m" if style and text else text for text, style in kept)

    def _cut(self, parts: list[Part]) -> list[Part]:
        if self.width is None or sum(columns(part.text) for part in parts) <= self.width:
            return parts
        left = max(self.width - len(self.cut), 0)
        kept: list[Part] = []
        for text, style in parts:
            short = fitting(text, left)
            left -= columns(short)
            kept.append(Part(short, style))
            if short != text:
                return [*kept, Part(self.cut[: self.width], style)]
        return kept


def columns(text: str) -> int:
    """How many columns of a terminal a `visible` text takes."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def fitting(text: str, width: int) -> str:
    """The begin of a text that takes at most `width` columns."""
    if text.isascii():
        return text[:width]
    taken = 0
    for place, character in enumerate(text):
        taken += _columns(character)
        if taken > width:
            return text[:place]
    return text


def padded(text: str, width: int) -> str:
    """The text in exactly `width` columns, cut or filled up."""
    if columns(text) > width:
        text = f"{fitting(text, width - 2)}.." if width > 2 else fitting(text, width)
    return text + " " * (width - columns(text))


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1

"""The cells that a key of raw label values leads to: a cache, bounded, that may be emptied at any time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from .series import Cell
from .text import MAX_CHARACTERS

Entry = list[Cell | None]
"""The cells of all rules of a program for one key; None where a rule has not met it yet."""

_FREED_AT_ONCE: Final = 64
"""Of what was emptied, for each entry that is added: to free all at once would take tens of milliseconds."""

Remember = Callable[[tuple[Any, ...]], Entry]


class EntryCache:
    """The entries of all programs, bounded together; and the fields that are guarded in their keys."""

    def __init__(self, max_entries: int, learned: Callable[[], None]) -> None:
        self.guarded: set[str] = set()
        self._max_entries = max_entries
        self._learned = learned
        self._programs: list[dict[tuple[Any, ...], Entry]] = []
        self._count = 0
        self._emptied: list[object] = []

    def clear(self) -> None:
        """Forget all entries, and the programs they belong to."""
        self.empty()
        self._programs.clear()

    def program(self, fields: Sequence[str], width: int) -> tuple[dict[tuple[Any, ...], Entry], Remember]:
        """The entries of a new program, and the function that adds one.

        `fields` name the parts of a key, `width` is the number of rules. Keys that would cost much memory are
        not kept, and none with a number in a field that is not guarded: the programs are then made anew.
        """
        entries: dict[tuple[Any, ...], Entry] = {}
        self._programs.append(entries)

        def remember(key: tuple[Any, ...]) -> Entry:
            del self._emptied[-_FREED_AT_ONCE:]
            entry: Entry = [None] * width
            odd = {field for field, part in zip(fields, key, strict=True) if not isinstance(part, str | None)}
            if odd - self.guarded:
                self.guarded |= odd
                self._learned()
            elif not any(map(_is_long, key)):
                if self._count >= self._max_entries:
                    self.empty()
                self._count += 1
                entries[key] = entry
            return entry

        return entries, remember

    def empty(self) -> None:
        """Forget all entries, which may lead to series that are gone."""
        for entries in self._programs:
            self._emptied += entries
            self._emptied += entries.values()
            entries.clear()
        self._count = 0


def _is_long(part: Any) -> bool:
    if isinstance(part, str):
        return len(part) > MAX_CHARACTERS
    return isinstance(part, int) and part.bit_length() > 64

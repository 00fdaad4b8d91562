"""What is gone, as far as the commits tell it."""

from __future__ import annotations

from typing import Final

import msgspec

_MAX_SERVICES: Final = 1000
"""Services told apart in counts."""


class Losses(msgspec.Struct):
    """Counts that go on after a restart, since a replay comes to the same."""

    never_sent: int = 0
    """Numbers that streams have left out."""
    dropped_by_sender: int = 0
    """Events that senders said they dropped."""
    joined_late: int = 0
    """Streams first seen behind their number 1."""
    unclosed: dict[str, int] = {}
    """Streams forgotten although they never closed, by service: their senders were killed."""
    forgotten: int = 0
    """Marks of streams given up because there were too many."""

    def count_unclosed(self, service: str) -> None:
        """Count a stream that was forgotten although it never closed."""
        name = service or "unknown"
        if name not in self.unclosed and len(self.unclosed) >= _MAX_SERVICES:
            name = "__other__"
        self.unclosed[name] = self.unclosed.get(name, 0) + 1

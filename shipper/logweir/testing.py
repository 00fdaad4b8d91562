"""A sink for tests of applications: it keeps what was emitted."""

from __future__ import annotations

from typing import Any

import orjson


class CapturingSink:
    """Keeps every event: ``sink = CapturingSink(); logweir.configure("shop", to=sink)``.

    `lines` are as they would be sent, `events` are the same decoded.
    """

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def put(self, line: bytes, level: str) -> None:  # noqa: ARG002 - the protocol's; it stands in the line too
        """Keep one event."""
        self.lines.append(line)

    @property
    def events(self) -> list[dict[str, Any]]:
        """All events so far, in order."""
        return [orjson.loads(line) for line in self.lines]

    def named(self, event: str) -> list[dict[str, Any]]:
        """The events of one name."""
        return [each for each in self.events if each["event"] == event]

    def clear(self) -> None:
        """Forget what was kept."""
        self.lines.clear()

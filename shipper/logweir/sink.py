"""The seam between what makes events and what carries them away."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable


class Sink(Protocol):
    """Takes encoded events. One method, so that a test's double is three lines."""

    def put(self, line: bytes, level: str) -> None:
        """Take one event: a line of JSON with its newline. Returns at once and never raises."""


@runtime_checkable
class Transport(Sink, Protocol):
    """A sink that may still hold events when the process wants to end."""

    def flush(self, timeout_seconds: float) -> bool:
        """Wait until all events put so far are delivered; False where the time ran out."""

    def close(self, timeout_seconds: float) -> bool:
        """Flush, and tell the other side that this was all. An event put later opens anew."""

    def stats(self) -> dict[str, Any]:
        """What became of the events so far."""

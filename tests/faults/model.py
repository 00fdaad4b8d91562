"""What a sender and an ideal service would know: numbers, bodies, and what became of each event."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from .in_process import event

Kind = Literal["event", "bad", "lost"]


@dataclass(frozen=True, slots=True)
class Body:
    """What is sent at once."""

    text: bytes
    keys: tuple[str, ...]
    """Of the events that will be accepted."""
    rejected: int = 0
    stream: str | None = None
    seq: int | None = None
    next_seq: int | None = None


@dataclass(slots=True)
class SenderModel:
    """One stream: every number it has given out, and how far its bodies were acknowledged."""

    name: str
    uuid: str
    items: list[tuple[int, Kind]] = field(default_factory=list)
    """The number and kind of each line."""
    number: int = 1
    """The number of the next line."""
    acknowledged: int = 0
    """Lines that need not be sent again."""

    @classmethod
    def named(cls, index: int) -> SenderModel:
        """A stream of its own."""
        return cls(f"m{index}", str(UUID(int=index + 1)))

    def write(self, kinds: Sequence[Kind]) -> None:
        """Put lines behind the others."""
        for kind in kinds:
            self.items.append((self.number, kind))
            self.number += 3 if kind == "lost" else 1

    def body(self, back: int) -> Body:
        """All that is not acknowledged, and so many lines that are."""
        sent = self.items[max(self.acknowledged - back, 0) :]
        lines = b"".join(self._line(number, kind) for number, kind in sent)
        keys = tuple(self._key(number) for number, kind in sent if kind == "event")
        rejected = sum(kind == "bad" for _, kind in sent)
        return Body(lines, keys, rejected, self.uuid, sent[0][0], self.number)

    def _key(self, number: int) -> str:
        return f"{self.name}.1:{number}"

    def _line(self, number: int, kind: Kind) -> bytes:
        if kind == "event":
            return event(self._key(number))
        return b'{"_lost":{"count":3}}\n' if kind == "lost" else b'{"number":%d}\n' % number


def unnumbered(numbers: Sequence[int]) -> Body:
    """Events of a sender that knows no streams; a number may stand there twice."""
    keys = [f"ids.1:{number}" for number in numbers]
    return Body(b"".join(event(key, event_id=key) for key in keys), tuple(keys))

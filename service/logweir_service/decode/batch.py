"""A body after decoding: the lines to store, what was rejected, and the numbers it takes."""

from __future__ import annotations

from collections.abc import Collection, Sequence, Set
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why one event of a body was not accepted."""

    index: int
    """The line or element of the body, from 0."""
    code: str
    field: str | None
    message: str
    line: bytes
    """The event as it came."""
    number: int
    """Which of the body's numbers it takes, from 0."""


@dataclass(frozen=True, slots=True)
class Lost:
    """Numbers that the sender says it dropped."""

    number: int
    """The first of them, counted from the body's first, from 0."""
    count: int


@dataclass(frozen=True, slots=True)
class Batch:
    """What one body brings.

    In a stream every event takes one number, accepted or not, and a `Lost` takes `count`; `span` is how many
    numbers the body takes in all.
    """

    lines: bytes
    """NDJSON of the accepted events, each line with its newline: what the journal stores."""
    count: int
    """How many events that is."""
    span: int
    correlation_ids: Set[str]
    """Of the body's events, each once."""
    services: Set[str]
    numbers: Sequence[int] | None = None
    """The number of each accepted event, from 0, or None where they are simply 0, 1, 2, ..."""
    rejections: Sequence[Rejection] = ()
    lost: Sequence[Lost] = ()
    closed: bool = False
    """The sender says that the stream ends with this body."""
    event_ids: Sequence[tuple[int, str, str]] = ()
    """Which accepted line, its service and its `event_id`, for lines that have one; none in a stream, whose
    numbers say more."""

    @property
    def lost_count(self) -> int:
        """How many events the sender dropped."""
        return sum(lost.count for lost in self.lost)

    def after(self, known: int) -> Batch:
        """The batch without what takes the first `known` numbers, which the service has already."""
        if known <= 0:
            return self
        numbers = self.numbers if self.numbers is not None else range(self.count)
        skipped = sum(1 for number in numbers if number < known)
        return replace(
            self,
            lines=self.lines.split(b"\n", skipped)[skipped],
            count=self.count - skipped,
            numbers=numbers[skipped:],
            rejections=[rejection for rejection in self.rejections if rejection.number >= known],
            lost=[rest for lost in self.lost if (rest := _unknown_part(lost, known)).count > 0],
        )

    def without(self, lines: Collection[int]) -> Batch:
        """The batch without these of its accepted lines, which the service has already."""
        if not lines:
            return self
        left = sorted({*range(self.count)}.difference(lines))
        numbers = self.numbers if self.numbers is not None else range(self.count)
        texts = self.lines.split(b"\n")
        moved = {place: number for number, place in enumerate(left)}
        return replace(
            self,
            lines=b"".join(texts[place] + b"\n" for place in left),
            count=len(left),
            numbers=[numbers[place] for place in left],
            event_ids=[
                (moved[place], service, event_id)
                for place, service, event_id in self.event_ids
                if place in moved
            ],
        )


def _unknown_part(lost: Lost, known: int) -> Lost:
    first = max(lost.number, known)
    return Lost(first, lost.number + lost.count - first)

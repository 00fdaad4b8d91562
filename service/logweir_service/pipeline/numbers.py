"""Rules at work: a derivation, and the decoder of the fields that it looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from logweir_service.decode import StoredDecoder
from logweir_service.derive import Derivation
from logweir_service.event import Event
from logweir_service.journal import StreamPosition
from logweir_service.rules import RuleSet


@dataclass(frozen=True, slots=True)
class Numbers:
    """What the rules in force make of events."""

    rules: RuleSet
    derivation: Derivation
    decoder: StoredDecoder

    def derive(
        self, lines: bytes, received: float, position: StreamPosition | None
    ) -> Iterator[Sequence[Event]]:
        """Count the events of durable lines, and give them back some at a time."""
        stream = position.stream if position else ""
        for events in self.decoder.events(lines):
            self.derivation.apply(events, received, stream=stream)
            yield events
        if position is not None and position.closed:
            self.derivation.close(stream, received)


@dataclass(frozen=True, slots=True)
class Counting:
    """Makes `Numbers` of rules."""

    derivation: Callable[[RuleSet], Derivation]
    further_fields: Iterable[str]
    """Which fields are asked for beside those of the rules."""

    def __call__(self, rules: RuleSet) -> Numbers:
        """Numbers that stand at nothing."""
        derivation = self.derivation(rules)
        return Numbers(rules, derivation, StoredDecoder(self.further_fields, of_event=derivation.fields_of))

"""The service in small: what comes in is decoded, counted and noted for promotion, at given times."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from logweir_service.decode import Batch, Decoder, Rejection
from logweir_service.derive import Derivation
from logweir_service.event import StoredBatch
from logweir_service.journal import EventId, StreamPosition
from logweir_service.journal.event_ids import EventIds
from logweir_service.limits import Limits
from logweir_service.pipeline import Counting
from logweir_service.promote import Promotion, Rehearsal
from logweir_service.rules import RuleSet
from logweir_service.scrub import Scrubber

from .model import Given
from .samples import Sample, parse


class Scene:
    """One run of the rules from nothing, in memory."""

    def __init__(self, rules: RuleSet) -> None:
        scrubber = Scrubber(
            keys=[key for rule in rules.scrub for key in rule.keys],
            patterns=[pattern for rule in rules.scrub for pattern in rule.patterns],
        )
        self._decoder = Decoder(Limits(), scrubber)
        self._numbers = Counting(Derivation, ())(rules)
        self._rehearsal = Rehearsal(rules.promote)
        self._known = EventIds()
        self._lsn = 0
        self.refused: list[tuple[str, Rejection]] = []
        """Place in the test, and why."""

    def take(self, given: Given, *, received: float) -> None:
        """Let events come in at a moment, in epoch seconds."""
        body = (given.line + b"\n") * given.repeat
        batch = self._decoder.decode(body, received=received, numbered=bool(given.stream))
        self.refused += [(given.place, rejection) for rejection in batch.rejections]
        fresh = self._unknown(batch, received)
        self._lsn += 1
        position = StreamPosition(given.stream, 1, 1, 0, fresh.closed) if given.stream else None
        for _ in self._numbers.derive(fresh.lines, received, position):
            pass
        for event in StoredBatch(self._lsn, received, fresh.lines).events():
            self._rehearsal.take(event)

    def samples(self, now: float) -> Iterator[Sample]:
        """What a scrape at a moment would show."""
        return parse(self._numbers.derivation.expose(openmetrics=False, now=now).decode())

    def promotions(self, now: float) -> Iterator[Promotion]:
        """What Sentry has got by a moment."""
        return self._rehearsal.promotions(now)

    @property
    def skipped(self) -> Mapping[tuple[str, str], int]:
        """How often a rule could not use an event, by rule and reason."""
        return self._numbers.derivation.skipped

    @property
    def overflowed(self) -> Mapping[tuple[str, str, str], int]:
        """Events beyond a budget, by metric, label and service."""
        return self._numbers.derivation.overflowed

    def reached(self) -> tuple[frozenset[str], frozenset[str]]:
        """The metrics that an event has a part in now, and the promote rules that have taken one."""
        begun = {rule.name for rule in self._numbers.rules.metrics if rule.init}
        metrics = {
            state.rule
            for state in self._numbers.derivation.dump().metrics
            if state.created
            and (state.rule not in begun or any(state.values) or any(state.counts) or any(state.timestamps))
        }
        return frozenset(metrics), self._rehearsal.chosen

    def _unknown(self, batch: Batch, received: float) -> Batch:
        """The batch without events whose ids have come before."""
        self._known.expire(received)
        repeated = set()
        for place, service, text in batch.event_ids:
            each = EventId.of(service, text)
            if each in self._known:
                repeated.add(place)
            self._known.add([each], received)
        return batch.without(repeated)

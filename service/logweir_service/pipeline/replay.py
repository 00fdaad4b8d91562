"""Two sets of rules over the same stored events, and the series that differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from logweir_service.decode import StoredDecoder
from logweir_service.derive import Derivation
from logweir_service.journal import Located
from logweir_service.rules import RuleSet

_SKIPPED: Final = ("logweir_rule_skipped_total", ("rule", "reason"))
_OVERFLOW: Final = ("logweir_series_overflow_total", ("metric", "label", "service"))


@dataclass(frozen=True, slots=True)
class Difference:
    """A sample of a scrape that is not the same under both; None where there is none."""

    sample: str
    """Its name and labels, as in the text format."""
    before: float | None
    after: float | None


class Replay:
    """Counts commits as they come under the rules of `before` and those of `after`, both from nothing."""

    def __init__(self, before: RuleSet, after: RuleSet) -> None:
        self.events = 0
        self.first: float | None = None
        """When the first commit was received, in epoch seconds."""
        self.last = 0.0
        self._decoder = StoredDecoder({*before.fields, *after.fields})
        self._before, self._after = Derivation(before), Derivation(after)

    def take(self, located: Located) -> None:
        """Count a commit as it was counted when it came."""
        commit = located.commit
        position = commit.position
        stream = position.stream if position else ""
        self.first = commit.received if self.first is None else self.first
        self.last = commit.received
        for events in self._decoder.events(located.lines):
            self.events += len(events)
            for derivation in (self._before, self._after):
                derivation.apply(events, commit.received, stream=stream)
        if position is not None and position.closed:
            for derivation in (self._before, self._after):
                derivation.close(stream, commit.received)

    def samples(self) -> tuple[Mapping[str, float], Mapping[str, float]]:
        """What a scrape at the last commit would show, and what was skipped or beyond a budget."""
        return _samples(self._before, self.last), _samples(self._after, self.last)


def differences(before: Mapping[str, float], after: Mapping[str, float]) -> Iterator[Difference]:
    """The samples that are not the same, in the order in which a scrape shows them, those that go last."""
    for sample, value in after.items():
        if before.get(sample) != value:
            yield Difference(sample, before.get(sample), value)
    for sample, value in before.items():
        if sample not in after:
            yield Difference(sample, value, None)


def _samples(derivation: Derivation, now: float) -> dict[str, float]:
    lines = derivation.expose(openmetrics=False, now=now).decode().split("\n")
    parts = (line.rpartition(" ") for line in lines if line and not line.startswith("#"))
    found = {sample: float(value) for sample, _, value in parts}
    for values, count in derivation.skipped.items():
        found[_sample(*_SKIPPED, values)] = float(count)
    for culprit, count in derivation.overflowed.items():
        found[_sample(*_OVERFLOW, culprit)] = float(count)
    return found


def _sample(name: str, labels: Sequence[str], values: Sequence[str]) -> str:
    pairs = (f'{label}="{value}"' for label, value in zip(labels, values, strict=True))
    return f"{name}{{{','.join(pairs)}}}"

"""Holds what is stored and what is exposed against what was promised."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from .lives import RuleFile
from .oracle import Oracle, service_of
from .scraping import label
from .stored import SealedChanged, StoredEvents

_SHOWN = 3
"""Of each kind of fault, so many examples are told."""


class Verdict:
    """Checks that can be made while nobody sends."""

    def __init__(self, journal: Path, rules: RuleFile, oracle: Oracle) -> None:
        self.lost = 0
        self.doubled = 0
        self._oracle = oracle
        self._journal = journal
        self._rules = rules
        self._version = 0
        self._before = Counter[str]()
        """What was stored when the rules were edited last."""
        self.forget()

    def forget(self) -> None:
        """Read everything again at the next check."""
        self._stored = StoredEvents(self._journal)
        self._verified: set[str] = set()

    def check(self, series: Mapping[str, float], when: str) -> None:
        """What is acknowledged is stored once, what is stored was sent, and all of it is counted."""
        try:
            sealed, moving = self._stored.read()
        except SealedChanged as fault:
            self._oracle.blame(f"{when}: {fault}")
            return
        acknowledged = self._oracle.acknowledged()
        lost = acknowledged - self._verified - sealed.keys - moving.keys
        self._verified = (acknowledged & sealed.keys) - lost
        self.lost += len(lost)
        doubled = sealed.doubled + moving.doubled
        self.doubled += len(doubled)
        self._tell(when, "acknowledged, and not stored", sorted(lost))
        self._tell(when, "stored twice", doubled)
        self._tell(when, "lines that are no JSON", sealed.unreadable + moving.unreadable)
        unknown = moving.keys - acknowledged - self._oracle.in_doubt()
        self._tell(when, "stored, and never sent", sorted(unknown))
        expected = sealed.series + moving.series
        expected.update(self._since_edit(expected))
        self._tell(when, "counted wrongly", differences(expected, totals(series)))

    def _since_edit(self, stored: Counter[str]) -> Counter[str]:
        """What the edited rule must have counted: nothing from before it, also where that is replayed."""
        if self._version != self._rules.version:
            self._version, self._before = self._rules.version, Counter(stored)
        found: Counter[str] = Counter()
        for name in stored:
            kind, service, method = name.split()[:3] if name.startswith("requests") else ("", "", "")
            if kind and method == self._rules.method:
                found[f"alternating {service}"] += stored[name] - self._before[name]
        return found

    def _tell(self, when: str, what: str, examples: list[str]) -> None:
        if examples:
            shown = "; ".join(examples[:_SHOWN])
            self._oracle.blame(f"{when}: {len(examples)} {what}: {shown}")


class NumbersVerdict:
    """Checks of a service that removes old segments: what it exposes must still count them."""

    def __init__(self, oracle: Oracle) -> None:
        self.lost = 0
        self.doubled = 0
        self._oracle = oracle

    def forget(self) -> None:
        """Nothing is remembered."""

    def check(self, series: Mapping[str, float], when: str) -> None:
        """All that is acknowledged is counted, and nothing beyond what is in doubt."""
        counted = totals(series)
        doubtful = Counter(map(service_of, self._oracle.in_doubt()))
        for service, least in self._oracle.acknowledged_by_service().items():
            count = int(counted[f"own {service}"])
            self.lost += max(least - count, 0)
            self.doubled += max(count - least - doubtful[service], 0)
            if not least <= count <= least + doubtful[service]:
                self._oracle.blame(f"{when}: {least} of {service} are acknowledged, {count} counted")


def totals(series: Mapping[str, float]) -> Counter[str]:
    """What a scrape says of the events that `StoredEvents` counts, in its words."""
    found: Counter[str] = Counter()
    for name, value in series.items():
        metric = name.partition("{")[0]
        service, method = label(name, "service"), label(name, "method")
        match metric:
            case "http_requests_total":
                found[f"requests {service} {method} {label(name, 'status')}"] += value  # type: ignore[assignment]
            case "http_request_duration_seconds_count":
                found[f"durations {service} {method}"] += value  # type: ignore[assignment]
            case "http_request_duration_seconds_sum":
                found[f"seconds {service} {method}"] += value  # type: ignore[assignment]
            case "own_requests_total":
                found[f"own {service}"] += value  # type: ignore[assignment]
            case "alternating_requests_total":
                found[f"alternating {service}"] += value  # type: ignore[assignment]
            case "http_errors_total":
                found[f"errors {service}"] += value  # type: ignore[assignment]
    return found


def differences(expected: Mapping[str, float], found: Mapping[str, float]) -> list[str]:
    """Where two countings differ, in words."""
    names: Iterable[str] = sorted({*expected, *found})
    return [
        f"{name}: stored {expected.get(name, 0)}, exposed {found.get(name, 0)}"
        for name in names
        if expected.get(name, 0) != found.get(name, 0)
    ]

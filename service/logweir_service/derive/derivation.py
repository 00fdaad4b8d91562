"""Events to metrics, by rules."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Final

from logweir.fields import EVENT_NAME, LEVELS
from logweir_service.errors import ConfigurationError
from logweir_service.event import Event
from logweir_service.rules import MetricRule, RuleSet

from .entries import EntryCache
from .exposition import Exposition, View
from .feed import feeds
from .program import Take, compile_take
from .series import MAX_SERVICES, Metric
from .state import DerivationState, check, metric_state, resume
from .tally import Tally
from .text import glob_pattern

MAX_SERIES: Final = 100_000
"""Of all metrics and services together: a guard of memory, where the budgets of the rules guard services."""

MAX_ENTRIES: Final = 50_000
"""Combinations of raw label values remembered with their cells."""

MAX_NAMES: Final = 2000
"""Event names per level whose function is remembered; made-up names cost time, not memory."""

EXEMPLAR_SECONDS: Final = 1.0
"""How long a bucket keeps an exemplar before it takes another."""

EXPIRE_SECONDS: Final = 15.0
"""How often it is looked for what is over: series, pairs, and values that count once."""

_NEVER: Final = float("-inf")

_PREFIX: Final = re.compile(r"([a-zA-Z_][a-zA-Z0-9_]*)?")


class Derivation:
    """The numbers that rules make of events.

    Not thread-safe: `apply` and `expose` belong to one thread, so that an exposition is always the view
    between two batches. Raises `ConfigurationError` for a prefix that no metric name can begin with.
    """

    def __init__(self, rules: RuleSet, *, metric_prefix: str = "", max_series: int = MAX_SERIES) -> None:
        if not _PREFIX.fullmatch(metric_prefix):
            raise ConfigurationError(
                f"LOGWEIR_METRIC_PREFIX: {metric_prefix!r} cannot begin a metric's name "
                "([a-zA-Z_][a-zA-Z0-9_]*)"
            )
        self._tally = Tally(max_series)
        self._metrics = [Metric(rule, self._tally) for rule in rules.metrics]
        self._exposition = Exposition(self._metrics, prefix=metric_prefix)
        self._programs = _Programs(self._metrics, self._tally)
        self._tables = self._programs.tables
        self._pairs = [metric.pairs for metric in self._metrics if metric.pairs is not None]
        self._expired = _NEVER
        self._tick = _NEVER
        self._received = _NEVER
        self._initial = [metric for metric in self._metrics if metric.rule.init]
        self._services: set[str] = set()

    @property
    def skipped(self) -> Mapping[tuple[str, str], int]:
        """Events that a rule could not use, by rule and reason."""
        return self._tally.skipped

    @property
    def overflowed(self) -> Mapping[tuple[str, str, str], int]:
        """Events beyond a budget, by metric, label that caused it, and service."""
        return self._tally.overflowed

    @property
    def overflow_samples(self) -> Mapping[tuple[str, str, str], str]:
        """For those of `overflowed` the label's text that was beyond its budget last, since the start."""
        return self._tally.samples

    @property
    def series(self) -> int:
        """How many series there are."""
        return self._tally.series

    @property
    def max_series(self) -> int:
        """How many there may be."""
        return self._tally.max_series

    @property
    def series_by_metric(self) -> Mapping[str, int]:
        """How many each metric has, by the name in its rule."""
        return {metric.rule.name: len(metric.series) for metric in self._metrics}

    def fields_of(self, event: str) -> Set[str]:
        """The fields that an event of this name needs: those of the rules that may take it.

        Those of zero series are read of the first event of a service, whatever its name.
        """
        initial = (metric.rule for metric in self._initial)
        return frozenset[str]().union(*(rule.fields for rule in (*self._programs.rules_for(event), *initial)))

    def apply(self, events: Sequence[Event], received: float, *, stream: str = "") -> None:
        """Take a batch that was committed at `received`, in epoch seconds. No event makes it raise.

        `stream` is that of its sender, where there is one: what was started in it ends with it, see `close`.
        Where the clock was set back, no series is left with a beginning or a gauge's time in the future.
        """
        if received < self._received:
            for metric in self._metrics:
                metric.set_back(received)
        self._received = received
        if not self._expired <= received < self._expired + EXPIRE_SECONDS:
            self._expire(received)
        for pairs in self._pairs:
            pairs.stream = stream
        if self._initial:
            self._begin(events, received)
        if not self._tick <= received < self._tick + EXEMPLAR_SECONDS:
            self._tick = received
        tick = self._tick
        tables = self._tables
        for event in events:
            take = tables[event.level][event.event]
            if take is not None:
                take(event, received, tick)

    def close(self, stream: str, received: float) -> None:
        """End what was started in a stream and has not ended: its sender is gone."""
        for pairs in self._pairs:
            pairs.close(stream, received)

    def expose(self, *, openmetrics: bool, now: float | None = None) -> bytes:
        """All series in the text format 0.0.4, or in OpenMetrics 1.0 without the closing ``# EOF``.

        They are shown as they are `now`, in epoch seconds, or when the last batch was committed: what is over
        by then is left out, and nothing is changed.
        """
        parts: list[bytes] = []
        for _ in self.view(openmetrics=openmetrics, now=now).write(parts):
            pass
        return b"".join(parts)

    def view(self, *, openmetrics: bool, now: float | None = None) -> View:
        """What `expose` would write now, to be written later, when the numbers have moved on."""
        moment = self._received if now is None else max(now, self._received)
        return self._exposition.view(openmetrics=openmetrics, now=moment)

    def dump(self) -> DerivationState:
        """Everything that is needed to go on counting, as it is now; exemplars are left out."""
        return DerivationState(
            received=None if self._received == _NEVER else self._received,
            metrics=[metric_state(metric) for metric in self._metrics],
            skipped=[(*key, count) for key, count in self.skipped.items()],
            overflowed=[(*key, count) for key, count in self.overflowed.items()],
        )

    def restore(self, state: DerivationState) -> None:
        """Go on from what another derivation of the same rules was dumped as; only a fresh one can.

        Raises `ValueError`, and changes nothing, where the state is not one of these rules.
        """
        self._check_fresh()
        names = [each.rule for each in state.metrics]
        if names != [metric.rule.name for metric in self._metrics]:
            raise ValueError(f"the state is of other rules: {', '.join(names) or 'none'}")
        pairs = list(zip(self._metrics, state.metrics, strict=True))
        for metric, each in pairs:
            check(metric, each)
        for metric, each in pairs:
            resume(metric, each)
        self._tally.skipped = {(rule, reason): count for rule, reason, count in state.skipped}
        self._tally.overflowed = {
            (name, label, service): count for name, label, service, count in state.overflowed
        }
        self._resumed(_NEVER if state.received is None else state.received)

    def adopt(self, other: Derivation) -> None:
        """Go on where a derivation of other rules stands; only a fresh one can, and `other` is left alone.

        A metric whose rule says the same keeps its series and budgets; budgets may have other limits. All
        others begin. What was skipped or went beyond a budget stays counted for every name that still exists.
        Raises `ValueError` where this derivation has counted already.
        """
        self._check_fresh()
        earlier = {metric.rule.name: metric for metric in other._metrics}
        for metric in self._metrics:
            before = earlier.get(metric.rule.name)
            if before is not None and before.rule.counts_like(metric.rule):
                resume(metric, metric_state(before))
                if before.rule.expire_seconds is None:
                    metric.begin_to_expire(other._received)
                if not before.rule.birth_zero:
                    metric.born_since = other._received
                if before.rule.init != metric.rule.init:
                    metric.begun.clear()
        names = {metric.rule.name for metric in self._metrics}
        self._tally.skipped = {key: count for key, count in other.skipped.items() if key[0] in names}
        self._tally.overflowed = {key: count for key, count in other.overflowed.items() if key[0] in names}
        self._resumed(other._received)

    def _check_fresh(self) -> None:
        if self._received != _NEVER:
            raise ValueError("the derivation has counted already")

    def _resumed(self, received: float) -> None:
        self._received = received
        begun = [metric.begun for metric in self._initial]
        self._services = set.intersection(*begun) if begun else set()

    def _expire(self, received: float) -> None:
        self._expired = received
        gone = [metric.expire(received) for metric in self._metrics]
        if any(gone):
            self._programs.forget_entries()
        for metric in self._metrics:
            if metric.pairs is not None:
                metric.pairs.move(received)
            if metric.once is not None:
                metric.once.move(received)

    def _begin(self, events: Sequence[Event], received: float) -> None:
        for event in events:
            if event.service not in self._services and len(self._services) < MAX_SERVICES:
                self._services.add(event.service)
                for metric in self._initial:
                    metric.begin(event, received)


class _Table(dict[str, Take | None]):
    """The function for each event name of one level, found when the name is first seen."""

    def __init__(self, level: str, programs: _Programs) -> None:
        super().__init__()
        self._level = level
        self._programs = programs

    def __missing__(self, event: str) -> Take | None:
        kept = len(self) < MAX_NAMES
        take = self._programs.find(self._level, event, by_name=kept)
        if kept:
            self[event] = take
        return take


class _Programs:
    """The compiled functions, one for each set of rules and open conditions."""

    def __init__(self, metrics: Sequence[Metric], tally: Tally) -> None:
        self._feeds = [feed for metric in metrics for feed in feeds(metric)]
        self._tally = tally
        self._named: dict[str, set[int]] = {}
        self._globs: list[tuple[re.Pattern[str], int]] = []
        for index, feed in enumerate(self._feeds):
            for event in feed.rule.events:
                if EVENT_NAME.fullmatch(event):
                    self._named.setdefault(event, set()).add(index)
                else:
                    self._globs.append((glob_pattern(event), index))
        self._cache = EntryCache(MAX_ENTRIES, self._restart)
        self._compiled: dict[tuple[tuple[int, str | None], ...], Take] = {}
        self.tables = {level: _Table(level, self) for level in LEVELS}

    def find(self, level: str, event: str, *, by_name: bool) -> Take | None:
        """The function for a level and event name, or None where no rule takes any such event.

        Not `by_name`: conditions that read the name stay open, so that all such names share their functions.
        """
        known = {"level": level, "event": event} if by_name else {"level": level}
        chosen: list[tuple[int, str | None]] = []
        for index in self._matching(event):
            when = self._feeds[index].rule.when
            condition = True if when is None else when.source(known, lambda field: f"f_{field}")
            if condition is not False:
                chosen.append((index, None if condition is True else condition))
        if not chosen:
            return None
        key = tuple(chosen)
        if key not in self._compiled:
            taken = [(self._feeds[index], condition) for index, condition in chosen]
            self._compiled[key] = compile_take(taken, self._cache, self._tally)
        return self._compiled[key]

    def rules_for(self, event: str) -> Iterable[MetricRule]:
        """The rules that may take events of a name."""
        return (self._feeds[index].rule for index in self._matching(event))

    def _matching(self, event: str) -> list[int]:
        globs = {index for pattern, index in self._globs if pattern.fullmatch(event)}
        return sorted(globs | self._named.get(event, set()))

    def forget_entries(self) -> None:
        """Find every series anew, since some are gone."""
        self._cache.empty()

    def _restart(self) -> None:
        """Forget all functions: their keys need other guards."""
        self._compiled.clear()
        self._cache.clear()
        for table in self.tables.values():
            table.clear()

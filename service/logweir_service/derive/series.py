"""The series of one metric.

A cell is the list that the hot path adds to; its shape is by the metric's type:

- counter: ``[value, exemplar, its tick, received, totals]``
- gauge: ``[value, timestamp of that value in epoch seconds, received, values]``
- histogram with n bounds: n + 1 counts, not cumulated, the sum, n + 1 exemplars, n + 1 ticks, received
- distinct values: ``[Distinct, None, received]``

`received` is when its last event was, in epoch seconds, and is kept up to date where the rule lets series
expire. `totals` and `values` are by instance (`instances`), None where the rule does not look at instances.

An exemplar is None or ``[correlation id, value, timestamp in epoch seconds, its text]``; the exposition keeps
the text there. Its tick is the object that stood for the second in which it was taken. Text and tick mean
nothing beyond the process.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, Final

from logweir_service.event import Event
from logweir_service.rules import MetricRule

from .budget import OTHER, Budget
from .distinct import Distinct
from .instances import forget, set_back
from .once import Once
from .pairs import Pairs
from .tally import Tally
from .text import LabelType, labeller

Cell = list[Any]

MAX_SERVICES: Final = 10_000
"""Services that get the zero series of `init`."""


class Series:
    """One series: its label texts, when it began in epoch seconds, and its cell."""

    __slots__ = ("cell", "created", "labels", "owner")

    def __init__(self, labels: tuple[str, ...], created: float, cell: Cell, owner: str = "") -> None:
        self.labels = labels
        self.created = created
        self.cell = cell
        self.owner = owner
        """The service whose budget it uses; empty beyond a budget."""


class Metric:
    """All series of one rule.

    A service that would go beyond its budget is counted under `OTHER` labels: totals stay right, and no other
    service is pushed out. Beyond the cap of the whole derivation even the service is `OTHER`.
    """

    def __init__(self, rule: MetricRule, tally: Tally) -> None:
        self.rule = rule
        self.label_names = tuple(label.name for label in rule.labels)
        self.series: dict[tuple[str, ...], Series] = {}
        self.budgets: dict[str, Budget] = {}
        """What each service has used."""
        self.begun: set[str] = set()
        """The services whose zero series of `init` are shown."""
        self.received_place = 3 if rule.type == "counter" else 2 if rule.type == "gauge" else -1
        """Where a cell says when its last event was received."""
        self.born_since = float("-inf")
        """Series that began no later show their values from then on, whatever their rule says of birth."""
        self.once = Once() if rule.once is not None else None
        self.pairs: Pairs | None = None
        self._texts = labeller(rule.labels)
        self._tally = tally
        if rule.pair is not None:
            skip = partial(tally.skip, rule.name)
            self.pairs = Pairs(rule.pair, texts=self._texts, add=self.shift, skip=skip)

    def find(self, texts: tuple[str, ...], service: str, received: float) -> Series:
        """The series of these labels, or the one that stands for it beyond a budget."""
        return self.series.get(texts) or self._admit(texts, service, received)

    def unlabelled(self, received: float) -> Cell:
        """A cell that belongs to no series, for an event whose labels cannot be made; it is counted."""
        self._tally.skip(self.rule.name, "label_type")
        return self.blank(received)

    def begin(self, event: Event, received: float) -> None:
        """Show the zero series of `init` for the service of an event, once."""
        if event.service in self.begun or len(self.begun) >= MAX_SERVICES:
            return
        self.begun.add(event.service)
        try:
            given = self._texts(event)
        except LabelType:
            return
        rows: list[dict[str, str]] = [{}]
        for label, texts in self.rule.init:
            rows = [row | {label: text} for row in rows for text in texts]
        for row in rows:
            texts = tuple(row.get(name, text) for name, text in zip(self.label_names, given, strict=True))
            if texts not in self.series:
                self._admit(texts, event.service, received)

    def shift(self, texts: tuple[str, ...], service: str, received: float, by: int) -> tuple[str, ...]:
        """Add to a gauge; returns the labels of the series that has it, which are others beyond a budget."""
        series = self.find(texts, service, received)
        series.cell[0] += by
        series.cell[1] = series.cell[2] = received
        return series.labels

    def begin_to_expire(self, received: float) -> None:
        """Let the time of series that were kept for ever until now count from `received` on."""
        place = self.label_names.index("service") if "service" in self.label_names else None
        for each in self.series.values():
            each.cell[self.received_place] = received
            if place is not None and OTHER not in each.labels:
                each.owner = each.labels[place]

    def expire(self, received: float) -> bool:
        """Forget the series that had no event for as long as the rule says; whether there were any."""
        lifetime = self.rule.expire_seconds
        if lifetime is None:
            return False
        place, oldest = self.received_place, received - lifetime
        overdue = [each for each in self.series.values() if each.cell[place] < oldest]
        for each in overdue:
            del self.series[each.labels]
        self._tally.series -= len(overdue)
        if overdue:
            self._recount()
        if self.rule.across is not None:
            for each in self.series.values():
                forget(each.cell[3], before=oldest)
        return bool(overdue)

    def _recount(self) -> None:
        """Let budgets be used by the series that are left."""
        self.budgets = {}
        for each in self.series.values():
            if each.owner:
                budget = self.budgets.setdefault(each.owner, Budget.unused(self.rule))
                budget.admit(each.labels)

    def resume(self, series: Iterable[Series]) -> None:
        """Go on with series that were counted before."""
        self.series = {each.labels: each for each in series}
        self._tally.series += len(self.series)

    def set_back(self, received: float) -> None:
        """Let nothing lie after `received`, since the clock was set back.

        No series begins in the future, and a gauge that was set in it takes the next event.
        """
        for series in self.series.values():
            series.created = min(series.created, received)
            place = self.received_place
            series.cell[place] = min(series.cell[place], received)
            if self.rule.type == "gauge" and self.rule.distinct is None:
                if series.cell[1] > received:
                    series.cell[1] = float("-inf")
                if series.cell[3]:
                    set_back(series.cell[3], received)

    def _admit(self, texts: tuple[str, ...], service: str, received: float) -> Series:
        if self._tally.series >= self._tally.max_series:
            self._tally.overflow(self.rule.name, "", OTHER)
            return self._open((OTHER,) * len(texts), received)
        budget = self.budgets.get(service)
        if budget is None:
            budget = self.budgets[service] = Budget.unused(self.rule)
        culprit = budget.culprit(self.rule, texts)
        if culprit is not None:
            sample = dict(zip(self.label_names, texts, strict=True)).get(culprit, "")
            self._tally.overflow(self.rule.name, culprit, service, sample=sample)
            return self._open(budget.overflow(self.rule, texts), received)
        budget.admit(texts)
        return self._open(texts, received, owner=service)

    def _open(self, texts: tuple[str, ...], received: float, *, owner: str = "") -> Series:
        series = self.series.get(texts)
        if series is None:
            series = self.series[texts] = Series(texts, received, self.blank(received), owner)
            self._tally.series += 1
        return series

    def blank(self, received: float) -> Cell:
        """The cell of a series that begins."""
        by_instance: dict[str, list[float]] | None = {} if self.rule.per_instance else None
        if self.rule.distinct is not None:
            return [Distinct(seconds for _, seconds in self.rule.distinct.windows), None, received]
        if self.rule.type == "counter":
            return [0, None, None, received, by_instance]
        if self.rule.type == "gauge":
            return [0.0, float("-inf"), received, by_instance]
        counts = len(self.rule.buckets) + 1
        return [0] * counts + [0.0] + [None] * (2 * counts) + [received]

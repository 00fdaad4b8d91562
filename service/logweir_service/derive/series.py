"""The series of one metric, and the budgets that bound them.

A cell is the list that the hot path adds to; its shape is by the metric's type:

- counter: ``[value, exemplar, its tick]``
- gauge: ``[value, timestamp of that value in epoch seconds]``
- histogram with n bounds: n + 1 counts, not cumulated, the sum, n + 1 exemplars, n + 1 ticks

An exemplar is None or ``[correlation id, value, timestamp in epoch seconds, its text]``; the exposition keeps
the text there. Its tick is the object that stood for the second in which it was taken. Text and tick mean
nothing beyond the process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal

from logweir_service.event import Event
from logweir_service.rules import MetricRule

from .text import LabelType, labeller

OTHER: Final = "__other__"
"""The text of labels beyond a budget."""

SkipReason = Literal[
    "missing_value", "value_type", "not_finite", "negative", "late", "label_type", "expression"
]
"""Why a rule could not use an event that it would have taken."""

Cell = list[Any]


class Series:
    """One series: its label texts, when it began in epoch seconds, and its cell."""

    __slots__ = ("beginning", "cell", "created", "labels", "template")

    def __init__(self, labels: tuple[str, ...], created: float, cell: Cell) -> None:
        self.labels = labels
        self.created = created
        self.cell = cell
        self.template: str | None = None
        """How its samples are written, kept by the exposition."""
        self.beginning: str | None = None
        """The line that tells when it began, kept by the exposition."""


class Budget:
    """What one service has used of a metric."""

    __slots__ = ("series", "values")

    def __init__(self, labels: int) -> None:
        self.series = 0
        self.values: tuple[set[str], ...] = tuple(set() for _ in range(labels))


class Tally:
    """What a derivation counts about itself, shared by its metrics."""

    def __init__(self, max_series: int) -> None:
        self.max_series = max_series
        self.series = 0
        self.skipped: dict[tuple[str, str], int] = {}
        self.overflowed: dict[tuple[str, str, str], int] = {}

    def skip(self, rule: str, reason: SkipReason) -> None:
        """Count an event that a rule would have taken, and could not."""
        self.skipped[rule, reason] = self.skipped.get((rule, reason), 0) + 1

    def overflow(self, metric: str, label: str, service: str) -> None:
        """Count an event whose series was beyond a budget."""
        key = (metric, label, service)
        self.overflowed[key] = self.overflowed.get(key, 0) + 1


class Metric:
    """All series of one rule.

    A service that would go beyond its budget is counted under `OTHER` labels: totals stay right, and no other
    service is pushed out. Beyond the cap of the whole derivation even the service is `OTHER`.
    """

    def __init__(self, rule: MetricRule, tally: Tally) -> None:
        self.rule = rule
        self.label_names = tuple(label.name for label in rule.labels)
        self.series: dict[tuple[str, ...], Series] = {}
        self._texts = labeller(rule.labels)
        self._tally = tally
        self._budgets: dict[str, Budget] = {}
        self._sorted: list[Series] = []

    def in_order(self) -> list[Series]:
        """The series by their label texts."""
        if len(self._sorted) != len(self.series):
            self._sorted = sorted(self.series.values(), key=lambda series: series.labels)
        return self._sorted

    def filler(self, place: int) -> Callable[[list[Cell | None], Event, float], Cell]:
        """Make the function that finds the cell for an event and keeps it at a place of a joint entry.

        Cells beyond a budget are not kept, so that each of their events is counted. An event whose labels
        cannot be made is counted as skipped and gets a cell that belongs to no series.
        """

        def fill(entry: list[Cell | None], event: Event, received: float) -> Cell:
            try:
                texts = self._texts(event)
            except LabelType:
                self._tally.skip(self.rule.name, "label_type")
                return self._blank()
            known = self.series.get(texts)
            series = known or self._admit(texts, event.service, received)
            if series.labels == texts:
                entry[place] = series.cell
            return series.cell

        return fill

    def begin(self, event: Event, received: float) -> None:
        """Show the zero series of `init` for the service of an event."""
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

    def _admit(self, texts: tuple[str, ...], service: str, received: float) -> Series:
        if self._tally.series >= self._tally.max_series:
            self._tally.overflow(self.rule.name, "", OTHER)
            return self._open((OTHER,) * len(texts), received)
        budget = self._budgets.get(service)
        if budget is None:
            budget = self._budgets[service] = Budget(len(texts))
        culprit = self._culprit(budget, texts)
        if culprit is not None:
            self._tally.overflow(self.rule.name, culprit, service)
            return self._open(self._overflow_texts(budget, texts), received)
        budget.series += 1
        for values, text in zip(budget.values, texts, strict=True):
            values.add(text)
        return self._open(texts, received)

    def _culprit(self, budget: Budget, texts: tuple[str, ...]) -> str | None:
        """The label beyond its budget; where it is the number of series, that with the most values."""
        for name, values, text in zip(self.label_names, budget.values, texts, strict=True):
            if len(values) >= self.rule.max_label_values and text not in values:
                return name
        if budget.series < self.rule.max_series:
            return None
        widest = max(range(len(texts)), key=lambda place: len(budget.values[place]), default=None)
        return "" if widest is None else self.label_names[widest]

    def _overflow_texts(self, budget: Budget, texts: tuple[str, ...]) -> tuple[str, ...]:
        kept = []
        for name, values, text in zip(self.label_names, budget.values, texts, strict=True):
            fits = name in ("service", "environment") and (
                text in values or len(values) < self.rule.max_label_values
            )
            if fits:
                values.add(text)
            kept.append(text if fits else OTHER)
        return tuple(kept)

    def _open(self, texts: tuple[str, ...], received: float) -> Series:
        series = self.series.get(texts)
        if series is None:
            series = self.series[texts] = Series(texts, received, self._blank())
            self._tally.series += 1
        return series

    def _blank(self) -> Cell:
        if self.rule.type == "counter":
            return [0, None, None]
        if self.rule.type == "gauge":
            return [0.0, float("-inf")]
        counts = len(self.rule.buckets) + 1
        return [0] * counts + [0.0] + [None] * (2 * counts)

"""What a derivation is saved as: everything that it needs to go on counting, by columns.

It is made between two batches while senders wait, hence columns: of a hundred thousand series no object is
made for each. What JSON cannot hold as a number stands as text: whole numbers beyond 64 bits, and a sum that
went beyond what a float holds. Exemplars are not saved.
"""

from __future__ import annotations

import gc
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any, Final

import msgspec

from .budget import Budget
from .series import Cell, Metric, Series

_LARGEST_PLAIN: Final = 2**63

Number = int | float | str
"""A value; as text where it is none that JSON holds."""


class BudgetState(msgspec.Struct, array_like=True, frozen=True):
    """What a service has used of a metric."""

    service: str
    series: int
    values: list[list[str]]


class MetricState(msgspec.Struct, frozen=True):
    """The series of one metric, in columns: a row of `texts` has a text for each label."""

    rule: str
    type: str
    labels: list[str]
    buckets: list[float]
    texts: list[str]
    created: list[float]
    values: list[Number]
    """That of a counter or gauge, the sum of a histogram."""
    timestamps: list[float | None]
    """Of a gauge's values; None where there was none yet."""
    counts: list[int]
    """Of a histogram, not cumulated, a row for each series."""
    budgets: list[BudgetState]
    begun: list[str]
    """The services whose zero series of `init` are shown."""
    received: list[float] = []
    """When the last event of each series was, where series expire."""
    owners: list[str] = []
    """The services whose budgets they use, where series expire."""
    further: list[Any] = []
    """What a series keeps beside its value: of instances, of distinct values."""
    born_since: float | None = None
    """See `Metric.born_since`; None where nothing was."""
    pairs: list[Any] | None = None
    once: list[Any] | None = None


class DerivationState(msgspec.Struct, frozen=True):
    """A whole derivation."""

    received: float | None
    """When its last batch was committed."""
    metrics: list[MetricState]
    skipped: list[tuple[str, str, int]]
    overflowed: list[tuple[str, str, str, int]]


def metric_state(metric: Metric) -> MetricState:
    """The state of a metric; what the metric counts later does not change it."""
    rule = metric.rule
    every = metric.series.values()
    counts = len(rule.buckets) + 1
    expires = rule.expire_seconds is not None
    value_place = counts if rule.type == "histogram" else 0
    counted: list[int] = []
    if rule.type == "histogram":
        for series in every:
            counted += series.cell[:counts]
    return MetricState(
        rule=rule.name,
        type=rule.type,
        labels=list(metric.label_names),
        buckets=list(rule.buckets),
        texts=list(chain.from_iterable(metric.series)),
        created=[series.created for series in every],
        values=[] if rule.distinct else _plain([series.cell[value_place] for series in every]),
        timestamps=_times(metric) if rule.type == "gauge" and not rule.distinct else [],
        counts=counted,
        budgets=[
            BudgetState(service, budget.series, [list(texts) for texts in budget.values])
            for service, budget in metric.budgets.items()
        ],
        begun=list(metric.begun),
        received=[series.cell[metric.received_place] for series in every] if expires else [],
        owners=[series.owner for series in every] if expires else [],
        further=_further(metric),
        born_since=metric.born_since if math.isfinite(metric.born_since) else None,
        pairs=metric.pairs.dump() if metric.pairs is not None else None,
        once=metric.once.dump() if metric.once is not None else None,
    )


def _further(metric: Metric) -> list[Any]:
    """What is encoded before the next batch, so that it may be shared with the cells."""
    every = metric.series.values()
    if metric.rule.distinct is not None:
        return [series.cell[0].dump() for series in every]
    if metric.rule.per_instance:
        return [series.cell[-1] for series in every]
    return []


def check(metric: Metric, state: MetricState) -> None:
    """Raise `ValueError` where a state is not one of the metric's rule, or not whole."""
    rule = metric.rule
    shape = (state.rule, state.type, state.labels, state.buckets)
    if shape != (rule.name, rule.type, list(metric.label_names), list(rule.buckets)):
        raise ValueError(f"the state of '{state.rule}' does not fit the rule '{rule.name}'")
    rows = len(state.created)
    plain = rule.distinct is None
    expected = [
        rows * len(rule.labels),
        rows if plain else 0,
        rows if rule.type == "gauge" and plain else 0,
        rows * (len(rule.buckets) + 1) if rule.type == "histogram" else 0,
        rows if rule.per_instance or not plain else 0,
    ]
    columns: tuple[list[Any], ...] = (
        state.texts,
        state.values,
        state.timestamps,
        state.counts,
        state.further,
    )
    if [*map(len, columns)] != expected or any(
        len(column) not in (0, rows) for column in (state.received, state.owners)
    ):
        raise ValueError(f"the state of '{state.rule}' is not whole: its columns differ in length")
    if any(len(budget.values) != len(rule.labels) for budget in state.budgets):
        raise ValueError(f"a budget of '{state.rule}' does not fit its labels")


def resume(metric: Metric, state: MetricState) -> None:
    """Let a metric without series go on from a state that `check` let through."""
    width = len(metric.rule.labels)
    rows = zip(*[iter(state.texts)] * width, strict=True) if width else [()] * len(state.created)
    with _without_collecting():
        cells = _cells(metric, state, [_number(value) for value in state.values])
        owners = state.owners or [""] * len(state.created)
        metric.resume(map(Series, rows, state.created, cells, owners))
    metric.budgets = {each.service: Budget(each.series, each.values) for each in state.budgets}
    metric.begun = set(state.begun)
    metric.born_since = -math.inf if state.born_since is None else state.born_since
    if metric.pairs is not None and state.pairs is not None:
        metric.pairs.restore(state.pairs)
    if metric.once is not None and state.once is not None:
        metric.once.restore(state.once)


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Put off the search for garbage: among so many new objects it takes several times as long as they do."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _cells(metric: Metric, state: MetricState, values: list[Any]) -> Sequence[Cell]:
    received = state.received or state.created
    if metric.rule.distinct is not None:
        return _distinct_cells(metric, state, received)
    further = state.further or [None] * len(state.created)
    if metric.rule.type == "counter":
        return [
            [value, None, None, at, each] for value, at, each in zip(values, received, further, strict=True)
        ]
    if metric.rule.type == "gauge":
        unset = float("-inf")
        return [
            [value, unset if seconds is None else seconds, at, each]
            for value, seconds, at, each in zip(values, state.timestamps, received, further, strict=True)
        ]
    width = len(metric.rule.buckets) + 1
    marks = [None] * (2 * width)
    return [
        [*state.counts[row * width : (row + 1) * width], value, *marks, received[row]]
        for row, value in enumerate(values)
    ]


def _distinct_cells(metric: Metric, state: MetricState, received: Sequence[float]) -> Sequence[Cell]:
    cells = [metric.blank(at) for at in received]
    for cell, each in zip(cells, state.further, strict=True):
        cell[0].restore(each)
    return cells


def _times(metric: Metric) -> list[float | None]:
    unset = float("-inf")
    times = (series.cell[1] for series in metric.series.values())
    return [None if seconds == unset else seconds for seconds in times]


def _plain(values: list[Any]) -> list[Number]:
    """Values as JSON holds them; nearly always they are that already."""
    if not values or (max(values) < _LARGEST_PLAIN and min(values) > -_LARGEST_PLAIN):
        return values
    return [value if value.__class__ is float and math.isfinite(value) else repr(value) for value in values]


def _number(value: Number) -> float:
    """The value again: whole numbers stay whole."""
    if not isinstance(value, str):
        return value
    return int(value) if value.lstrip("-").isdigit() else float(value)

"""What a metric takes of an event: one value, or each of several that a label tells apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from logweir_service.event import Event
from logweir_service.rules import MetricRule

from .series import Cell, Metric
from .text import LabelType, labeller


class Feed:
    """One value of a metric's events, and the labels under which it counts."""

    def __init__(self, metric: Metric, rule: MetricRule, *, optional: bool = False) -> None:
        self.metric = metric
        self.rule = rule
        """That of the metric, with the one value and its labels."""
        self.optional = optional
        """Whether an event without the value is none of the rule's."""
        self._texts = labeller(rule.labels)

    def filler(self, place: int) -> Callable[[list[Cell | None], Event, float], Cell]:
        """Make the function that finds the cell for an event and keeps it at a place of a joint entry.

        Cells beyond a budget are not kept, so that each of their events is counted. An event whose labels
        cannot be made is counted as skipped and gets a cell that belongs to no series.
        """
        metric = self.metric

        def fill(entry: list[Cell | None], event: Event, received: float) -> Cell:
            try:
                texts = self._texts(event)
            except LabelType:
                return metric.unlabelled(received)
            series = metric.find(texts, event.service, received)
            if series.labels == texts:
                entry[place] = series.cell
            return series.cell

        return fill


def feeds(metric: Metric) -> list[Feed]:
    """What a metric takes of each event."""
    optional = bool(metric.rule.parts)
    return [Feed(metric, rule, optional=optional) for rule in single(metric.rule)]


def single(rule: MetricRule) -> list[MetricRule]:
    """The rule, or where it takes several fields one rule for each, with its value and its labels."""
    if not rule.parts:
        return [rule]
    found = []
    for text, value in rule.parts:
        labels = tuple(
            replace(label, constant=text) if label.name == rule.by else label for label in rule.labels
        )
        found.append(replace(rule, labels=labels, value=value, parts=()))
    return found

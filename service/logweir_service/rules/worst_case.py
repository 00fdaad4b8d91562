"""How many series a rule may make for each service, before anybody has sent an event."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from logweir.fields import LEVELS

from .model import LabelRule, MetricRule


@dataclass(frozen=True, slots=True)
class WorstCase:
    """What one metric may come to for one service; what goes beyond is one more series, ``__other__``."""

    series: int
    samples: int
    """Lines of a scrape: a histogram has one per bucket, and three; distinct values one per window."""
    combinations: int
    """Of its label values, as if there were no `max_series`."""
    labels: Mapping[str, int]
    """Values of each label."""
    unbounded: tuple[str, ...]
    """The labels that nothing but `max_label_values` bounds."""

    @classmethod
    def of(cls, rule: MetricRule) -> WorstCase:
        """That of a rule."""
        bounds = {label.name: _values(label) for label in rule.labels}
        most = rule.max_label_values
        labels = {name: most if values is None else min(values, most) for name, values in bounds.items()}
        combinations = math.prod(labels.values())
        series = min(combinations, rule.max_series)
        return cls(
            series=series,
            samples=series * _samples(rule),
            combinations=combinations,
            labels=labels,
            unbounded=tuple(name for name, values in bounds.items() if values is None),
        )


def _samples(rule: MetricRule) -> int:
    if rule.distinct is not None:
        return len(rule.distinct.windows)
    return len(rule.buckets) + 3 if rule.type == "histogram" else 1


def _values(label: LabelRule) -> int | None:
    """How many texts a label has for one service; None where its rule does not bound them."""
    if label.constant is not None or label.fields == ("service",):
        return 1
    texts = possible_texts(label)
    return None if texts is None else len(texts)


def possible_texts(label: LabelRule) -> set[str] | None:
    """The texts that a label may have; None where its rule does not bound them."""
    if label.constant is not None:
        return {label.constant}
    texts = _present(label)
    if texts is None:
        return None
    always = label.fields == ("level",)
    return {text[: label.truncate] for text in texts} | (set() if always else {label.default})


def _present(label: LabelRule) -> set[str] | None:
    """The texts that a field which is there may become."""
    found: set[str] | None = set(LEVELS) if label.fields == ("level",) else None
    if label.map is not None:
        found = {to for _, to in label.map}
        if "*" not in (glob for glob, _ in label.map):
            found.add(label.other)
    if label.allow is not None:
        passing = label.allow if found is None else found & label.allow
        found = {*passing, *([label.other] if found is None or found - label.allow else [])}
    return found

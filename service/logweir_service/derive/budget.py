"""What one service may have of a metric, so that it cannot push out another."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from logweir_service.rules import MetricRule

OTHER: Final = "__other__"
"""The text of labels beyond a budget."""

_KEPT: Final = ("service", "environment")
"""Labels that tell whose series it is, beyond a budget too."""


class Budget:
    """What one service has used of a metric: how many series, and which values of each label."""

    __slots__ = ("series", "values")

    def __init__(self, series: int, values: Iterable[Iterable[str]]) -> None:
        self.series = series
        self.values = tuple(set(texts) for texts in values)

    @classmethod
    def unused(cls, rule: MetricRule) -> Budget:
        """That of a service seen for the first time."""
        return cls(0, ((),) * len(rule.labels))

    def culprit(self, rule: MetricRule, texts: tuple[str, ...]) -> str | None:
        """The label beyond its budget; where it is the number of series, that with the most values."""
        for label, values, text in zip(rule.labels, self.values, texts, strict=True):
            if len(values) >= rule.max_label_values and text not in values:
                return label.name
        if self.series < rule.max_series:
            return None
        widest = max(range(len(texts)), key=lambda place: len(self.values[place]), default=None)
        return "" if widest is None else rule.labels[widest].name

    def admit(self, texts: tuple[str, ...]) -> None:
        """Use it for one more series."""
        self.series += 1
        for values, text in zip(self.values, texts, strict=True):
            values.add(text)

    def overflow(self, rule: MetricRule, texts: tuple[str, ...]) -> tuple[str, ...]:
        """The label texts under which a series beyond the budget is counted."""
        kept = []
        for label, values, text in zip(rule.labels, self.values, texts, strict=True):
            fits = label.name in _KEPT and (text in values or len(values) < rule.max_label_values)
            if fits:
                values.add(text)
            kept.append(text if fits else OTHER)
        return tuple(kept)

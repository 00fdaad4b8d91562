"""What a derivation counts about itself, and the series that all its metrics may have together."""

from __future__ import annotations

from typing import Literal

SkipReason = Literal[
    "missing_value",
    "value_type",
    "not_finite",
    "negative",
    "late",
    "label_type",
    "expression",
    "timeout",
    "too_many",
]
"""Why a rule could not use an event that it would have taken."""


class Tally:
    """One for all metrics of a derivation."""

    def __init__(self, max_series: int) -> None:
        self.max_series = max_series
        self.series = 0
        self.skipped: dict[tuple[str, str], int] = {}
        self.overflowed: dict[tuple[str, str, str], int] = {}
        self.samples: dict[tuple[str, str, str], str] = {}
        """The text of the label that was beyond its budget last, as far as it is known since the start."""

    def skip(self, rule: str, reason: SkipReason) -> None:
        """Count an event that a rule would have taken, and could not."""
        self.skipped[rule, reason] = self.skipped.get((rule, reason), 0) + 1

    def overflow(self, metric: str, label: str, service: str, *, sample: str = "") -> None:
        """Count an event whose series was beyond a budget; `sample` is the label's text."""
        key = (metric, label, service)
        self.overflowed[key] = self.overflowed.get(key, 0) + 1
        self.samples[key] = sample

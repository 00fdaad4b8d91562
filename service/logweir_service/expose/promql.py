"""A question to Prometheus that fits a metric, to begin with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from logweir_service.rules import MetricRule
from logweir_service.rules.names import UNITS

_WITHIN: Final = "5m"
"""Twenty scrapes of the usual fifteen seconds."""


def query_for(rule: MetricRule, name: str) -> str:
    """What to ask of the metric of `rule`, exposed as `name`: rates, quantiles, or plain values."""
    labels = label_names(rule)
    if rule.type == "counter":
        return f"{_summed(labels)}(rate({name}[{_WITHIN}]))"
    if rule.type == "histogram":
        return f"histogram_quantile(0.95, {_summed(['le', *labels])}(rate({name}_bucket[{_WITHIN}])))"
    if rule.distinct is not None:
        return f'{name}{{window="{rule.distinct.windows[0][0]}"}}'
    return name


def label_names(rule: MetricRule) -> list[str]:
    """Every label that its series have."""
    return [label.name for label in rule.labels] + (["window"] if rule.distinct is not None else [])


def unit_of(rule: MetricRule) -> str:
    """The unit that its name ends in; empty where it counts events, or things without one."""
    last = rule.name.removesuffix("_total").rpartition("_")[2]
    return last if last in UNITS else ""


def _summed(labels: Sequence[str]) -> str:
    return f"sum by ({', '.join(labels)}) " if labels else "sum"

"""The text formats in the plainest code, sample by sample: the exposition must agree to the last byte."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any

from logweir_service.derive import Derivation
from logweir_service.derive.instances import fold
from logweir_service.derive.series import Metric, Series
from logweir_service.rules.names import family, unit

Labels = Sequence[tuple[str, str]]


def plain_exposition(derivation: Derivation, *, openmetrics: bool, now: float) -> bytes:
    """What a derivation has to show at a moment that is not before its last batch."""
    lines: list[str] = []
    for metric in derivation._metrics:
        samples = [
            line
            for texts in sorted(metric.series)
            for line in _samples(metric, metric.series[texts], openmetrics=openmetrics, now=now)
        ]
        if samples:
            lines += [*_head(metric, openmetrics=openmetrics), *samples]
    return "".join(f"{line}\n" for line in lines).encode()


def _head(metric: Metric, *, openmetrics: bool) -> Iterable[str]:
    rule = metric.rule
    text = rule.help.replace("\\", "\\\\").replace("\n", "\\n")
    name = rule.name
    if openmetrics:
        text = text.replace('"', '\\"')
        name = family(name, rule.type)
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} {rule.type}"
    if openmetrics and unit(name):
        yield f"# UNIT {name} {unit(name)}"


def _samples(metric: Metric, series: Series, *, openmetrics: bool, now: float) -> Iterable[str]:
    rule = metric.rule
    oldest = -math.inf if rule.expire_seconds is None else now - rule.expire_seconds
    if series.cell[metric.received_place] < oldest:
        return
    labels = [*zip(metric.label_names, series.labels, strict=True)]
    unborn = rule.birth_zero and series.created > max(now - 60, metric.born_since)
    cell = metric.blank(now) if unborn and rule.type != "gauge" else series.cell
    if rule.distinct is not None:
        estimates = zip(rule.distinct.windows, cell[0].estimates(now), strict=True)
        for (window, _), estimate in estimates:
            yield _sample(rule.name, [*labels, ("window", window)], estimate)
    elif rule.type == "gauge":
        folded = fold(cell[3], rule.across, since=oldest) if rule.across and cell[3] else cell[0]
        if folded is not None:
            yield _sample(rule.name, labels, folded)
    elif rule.type == "counter":
        yield _sample(rule.name, labels, cell[0], cell[1] if openmetrics else None)
    else:
        counts = len(rule.buckets) + 1
        bounds = [*map(repr, rule.buckets), "+Inf"]
        for place, count in enumerate(accumulate(cell[:counts])):
            mark = cell[counts + 1 + place] if openmetrics else None
            yield _sample(f"{rule.name}_bucket", [*labels, ("le", bounds[place])], count, mark)
        yield _sample(f"{rule.name}_sum", labels, cell[counts])
        yield _sample(f"{rule.name}_count", labels, sum(cell[:counts]))
    if openmetrics and rule.type != "gauge":
        yield _sample(f"{family(rule.name, rule.type)}_created", labels, series.created, written="%.3f")


def _sample(
    name: str, labels: Labels, value: float, mark: list[Any] | None = None, *, written: str = ""
) -> str:
    pairs = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels)
    braces = f"{{{pairs}}}" if labels else ""
    number = written % value if written else repr(value)
    if value in (math.inf, -math.inf):
        number = "+Inf" if value > 0 else "-Inf"
    exemplar = f' # {{correlation_id="{mark[0]}"}} {mark[1]!r} {mark[2]:.3f}' if mark else ""
    return f"{name}{braces} {number}{exemplar}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

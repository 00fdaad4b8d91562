"""Writes series in Prometheus' text format 0.0.4 and in OpenMetrics 1.0.

A scrape of a hundred thousand series must not hold up ingest, so each series keeps the text around its
numbers: a counter or gauge what stands before its value, a histogram one format string for all its lines.

https://prometheus.io/docs/instrumenting/exposition_formats/ and
https://prometheus.io/docs/specs/om/open_metrics_spec/
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from itertools import accumulate
from typing import Any, Final

from logweir_service.rules.names import family, unit

from .instances import fold
from .series import Metric, Series

_TRACE_ID: Final = re.compile(r"[0-9a-f]{32}")
_MAX_EXEMPLAR_CHARACTERS: Final = 128
"""OpenMetrics: the combined length of an exemplar's label names and values."""


BIRTH_SECONDS: Final = 60.0
"""How long a new series shows 0, where its rule says so: some scrapes see it before its first event."""


def write(metrics: Iterable[Metric], *, prefix: str, openmetrics: bool, now: float) -> str:
    """Write metrics in the order given, their series by label texts, as they are `now`, in epoch seconds.

    The closing ``# EOF`` is not written.
    """
    parts: list[str] = []
    for metric in metrics:
        name = prefix + metric.rule.name
        rows: list[str] = []
        if metric.rule.type == "histogram":
            _histograms(rows, metric, name, openmetrics=openmetrics, now=now)
        elif metric.rule.type == "counter":
            _counters(rows, metric, name, openmetrics=openmetrics, now=now)
        else:
            _gauges(rows, metric, name, now=now)
        if rows:
            parts.append(_head(metric, name, openmetrics=openmetrics))
            parts += rows
    return "".join(parts)


def _head(metric: Metric, name: str, *, openmetrics: bool) -> str:
    text = metric.rule.help.replace("\\", "\\\\").replace("\n", "\\n")
    if not openmetrics:
        return f"# HELP {name} {text}\n# TYPE {name} {metric.rule.type}\n"
    name = family(name, metric.rule.type)
    measured = unit(name)
    quoted = text.replace('"', '\\"')
    units = f"# UNIT {name} {measured}\n" if measured else ""
    return f"# HELP {name} {quoted}\n# TYPE {name} {metric.rule.type}\n{units}"


def _counters(parts: list[str], metric: Metric, name: str, *, openmetrics: bool, now: float) -> None:
    base = family(name, metric.rule.type)
    born, unborn = _born_before(metric, now), metric.blank(now)
    for series in _shown(metric, now):
        cell = series.cell if series.created <= born else unborn
        value, mark = cell[0], cell[1]
        template = series.template or _value_template(metric, name, series)
        text = repr(value) if value.__class__ is int else _number(value)
        if not openmetrics:
            parts.append(f"{template}{text}\n")
            continue
        exemplar = "" if mark is None else mark[3] or _exemplar(mark)
        parts.append(f"{template}{text}{exemplar}\n{series.beginning or _beginning(metric, base, series)}")


def _gauges(parts: list[str], metric: Metric, name: str, *, now: float) -> None:
    rule = metric.rule
    oldest = _oldest(metric, now)
    for series in _shown(metric, now):
        template = series.template or _value_template(metric, name, series)
        if rule.distinct is not None:
            values = series.cell[0].estimates(now)
            texts = template.split("\0")
            parts += [f"{before}{_number(value)}\n" for before, value in zip(texts, values, strict=True)]
            continue
        values = series.cell[3]  # none of an instance where only `init` made the series
        value = fold(values, rule.across, since=oldest) if rule.across and values else series.cell[0]
        if value is not None:
            parts.append(f"{template}{_number(value)}\n")


def _shown(metric: Metric, now: float) -> Iterable[Series]:
    """The series in order, without those that are over."""
    if metric.rule.expire_seconds is None:
        return metric.in_order()
    place, oldest = metric.received_place, _oldest(metric, now)
    return [series for series in metric.in_order() if series.cell[place] >= oldest]


def _oldest(metric: Metric, now: float) -> float:
    return -math.inf if metric.rule.expire_seconds is None else now - metric.rule.expire_seconds


def _born_before(metric: Metric, now: float) -> float:
    """Series that began later show 0."""
    return max(now - BIRTH_SECONDS, metric.born_since) if metric.rule.birth_zero else math.inf


def _histograms(parts: list[str], metric: Metric, name: str, *, openmetrics: bool, now: float) -> None:
    counts = len(metric.rule.buckets) + 1
    born, unborn = _born_before(metric, now), metric.blank(now)
    for series in _shown(metric, now):
        template = series.template or _histogram_template(metric, name, series)
        cell = series.cell if series.created <= born else unborn
        cumulated: list[Any] = list(accumulate(cell[:counts]))
        total = cumulated[-1]
        if not openmetrics:
            parts.append(template % (*cumulated, _number(cell[counts]), total))
            continue
        for place in range(counts):
            mark = cell[counts + 1 + place]
            if mark is not None:
                cumulated[place] = f"{cumulated[place]}{mark[3] or _exemplar(mark)}"
        parts.append(template % (*cumulated, _number(cell[counts]), total))
        parts.append(series.beginning or _beginning(metric, name, series))


def _value_template(metric: Metric, name: str, series: Series) -> str:
    distinct = metric.rule.distinct
    if distinct is None:
        series.template = f"{name}{_braces(metric, series)} "
    else:
        labels = _pairs(metric, series)
        comma = "," if labels else ""
        windows = [f'{name}{{{labels}{comma}window="{window}"}} ' for window, _ in distinct.windows]
        series.template = "\0".join(windows)
    return series.template


def _histogram_template(metric: Metric, name: str, series: Series) -> str:
    labels = _pairs(metric, series).replace("%", "%%")
    comma = "," if labels else ""
    braces = f"{{{labels}}}" if labels else ""
    bounds = [repr(bound) for bound in metric.rule.buckets] + ["+Inf"]
    lines = [f'{name}_bucket{{{labels}{comma}le="{bound}"}} %s\n' for bound in bounds]
    series.template = "".join([*lines, f"{name}_sum{braces} %s\n", f"{name}_count{braces} %s\n"])
    return series.template


def _beginning(metric: Metric, name: str, series: Series) -> str:
    series.beginning = f"{name}_created{_braces(metric, series)} {series.created:.3f}\n"
    return series.beginning


def _braces(metric: Metric, series: Series) -> str:
    pairs = _pairs(metric, series)
    return f"{{{pairs}}}" if pairs else ""


def _pairs(metric: Metric, series: Series) -> str:
    return ",".join(
        f'{name}="{_escaped(text)}"' for name, text in zip(metric.label_names, series.labels, strict=True)
    )


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    if math.isfinite(value):
        return repr(value)
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"


def _exemplar(mark: list[Any]) -> str:
    correlation_id, value, seconds, _ = mark
    name = (
        "trace_id" if len(correlation_id) == 32 and _TRACE_ID.fullmatch(correlation_id) else "correlation_id"
    )
    if len(name) + len(correlation_id) > _MAX_EXEMPLAR_CHARACTERS:
        return ""
    text = correlation_id if correlation_id.isalnum() else _escaped(correlation_id)
    mark[3] = f' # {{{name}="{text}"}} {value!r} {seconds:.3f}'
    return str(mark[3])

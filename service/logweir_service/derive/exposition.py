"""Writes series in Prometheus' text format 0.0.4 and in OpenMetrics 1.0.

A scrape of a hundred thousand series must not hold up ingest. So the numbers are copied in a moment
(`view`), the order of the series and the text of their labels are kept from scrape to scrape (`order`), and
the text is written some thousand lines at a time, each column of them at once: what runs per line is not
Python but list, map and join.

https://prometheus.io/docs/instrumenting/exposition_formats/ and
https://prometheus.io/docs/specs/om/open_metrics_spec/
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress
from operator import add
from typing import Final

from logweir_service.rules.names import family, unit

from .order import Order, Places, Steps, escaped
from .series import Metric
from .view import Mark, MetricView, look

_TRACE_ID: Final = re.compile(r"[0-9a-f]{32}")
_MAX_EXEMPLAR_CHARACTERS: Final = 128
"""OpenMetrics: the combined length of an exemplar's label names and values."""

_STEP_LINES: Final = 2000
"""Lines between two pauses: about a millisecond."""

_PART_CHARACTERS: Final = 1 << 17
"""What is written is handed on in parts of at least so much."""

_ODD: Final = frozenset({"inf", "-inf", "nan"})

Line = tuple[str, str]
"""What stands before the labels, with the end of the line above; and what between them and the value."""


class Exposition:
    """Writes metrics in the order given, their series by label texts."""

    def __init__(self, metrics: Iterable[Metric], *, prefix: str) -> None:
        self._metrics = [(metric, Order(metric.label_names)) for metric in metrics]
        self._prefix = prefix

    def view(self, *, openmetrics: bool, now: float) -> View:
        """All of them as they are `now`, in epoch seconds."""
        views = [(look(metric, openmetrics=openmetrics, now=now), order) for metric, order in self._metrics]
        return View(views, prefix=self._prefix, openmetrics=openmetrics)


class View:
    """Metrics as they were at one moment."""

    def __init__(
        self, metrics: Sequence[tuple[MetricView, Order]], *, prefix: str, openmetrics: bool
    ) -> None:
        self._metrics = metrics
        self._prefix = prefix
        self._openmetrics = openmetrics

    def write(self, parts: list[bytes]) -> Steps[None]:
        """Write them to the end of `parts`, without the closing ``# EOF``; pauses every few milliseconds."""
        texts: list[str] = []
        size = 0
        for view, order in self._metrics:
            name = self._prefix + view.metric.rule.name
            above = _head(view.metric, name, openmetrics=self._openmetrics)
            lines = _lines(view, name)
            places, labels = yield from order.follow(view.series)
            texts_by_place = yield from _texts_by_place(view)
            for some_places, some_labels in _in_steps(places, labels, view.shown, len(lines)):
                texts += above, _joined(lines, some_labels, _columns(view, texts_by_place, some_places))
                above = ""
                size += len(texts[-1])
                if size >= _PART_CHARACTERS:
                    parts.append("".join(texts).encode())
                    texts, size = [], 0
                yield
            if not above:
                texts.append("\n")
        parts.append("".join(texts).encode())


def _head(metric: Metric, name: str, *, openmetrics: bool) -> str:
    """What stands above the samples, without the end of its last line."""
    text = metric.rule.help.replace("\\", "\\\\").replace("\n", "\\n")
    if not openmetrics:
        return f"# HELP {name} {text}\n# TYPE {name} {metric.rule.type}"
    name = family(name, metric.rule.type)
    measured = unit(name)
    quoted = text.replace('"', '\\"')
    units = f"\n# UNIT {name} {measured}" if measured else ""
    return f"# HELP {name} {quoted}\n# TYPE {name} {metric.rule.type}{units}"


def _lines(view: MetricView, name: str) -> list[Line]:
    """The lines of one series."""
    rule = view.metric.rule
    comma = "," if view.metric.label_names else ""

    def plain(name: str) -> Line:
        return (f"\n{name}{{", "} ") if view.metric.label_names else (f"\n{name}", " ")

    def with_label(name: str, label: str, text: str) -> Line:
        return f"\n{name}{{", f'{comma}{label}="{text}"}} '

    if rule.distinct is not None:
        return [with_label(name, "window", window) for window, _ in rule.distinct.windows]
    lines = [plain(name)]
    if rule.type == "histogram":
        bounds = [*map(repr, rule.buckets), "+Inf"]
        buckets = [with_label(f"{name}_bucket", "le", bound) for bound in bounds]
        lines = [*buckets, plain(f"{name}_sum"), plain(f"{name}_count")]
    if view.created is not None:
        lines.append(plain(f"{family(name, rule.type)}_created"))
    return lines


def _in_steps(
    places: Places, labels: Sequence[str], shown: Sequence[bool] | None, lines: int
) -> Iterator[tuple[Places, Sequence[str]]]:
    step = max(_STEP_LINES // lines, 1)
    for start in range(0, len(places), step):
        some_places, some_labels = places[start : start + step], labels[start : start + step]
        if shown is not None:
            chosen = [shown[place] for place in some_places]
            some_places, some_labels = [*compress(some_places, chosen)], [*compress(some_labels, chosen)]
        if some_places:
            yield some_places, some_labels


def _joined(lines: Sequence[Line], labels: Sequence[str], columns: Iterable[Sequence[str]]) -> str:
    """The text of series of one metric: for each of its lines there is a column with their values."""
    one_series: list[str] = []
    for before, after in lines:
        one_series += before, "", after, ""
    width = len(one_series)
    parts = one_series * len(labels)
    for number, column in enumerate(columns):
        parts[4 * number + 1 :: width] = labels
        parts[4 * number + 3 :: width] = column
    return "".join(parts)


def _texts_by_place(view: MetricView) -> Steps[list[list[str]]]:
    """Columns of all series at once: to read the numbers in the order of their memory takes half the time."""
    rule, values, columns = view.metric.rule, view.values, []
    if rule.distinct is not None:
        columns = [_numbers(each) for each in zip(*values, strict=True)]
    elif rule.type != "histogram":
        columns = [[]]
        for start in range(0, len(values), _STEP_LINES):
            texts = _numbers(values[start : start + _STEP_LINES])
            if view.marks is not None:
                texts = _with_exemplars(texts, view.marks[start : start + _STEP_LINES])
            columns[0] += texts
            yield
    if view.created is not None:
        beginnings, texts = _Beginnings(), []
        for start in range(0, len(view.created), _STEP_LINES):
            texts += map(beginnings.__getitem__, view.created[start : start + _STEP_LINES])
            yield
        columns.append(texts)
    return columns


def _columns(view: MetricView, by_place: Sequence[Sequence[str]], places: Places) -> list[list[str]]:
    columns = _histogram_columns(view, places) if view.metric.rule.type == "histogram" else []
    return columns + [[*map(texts.__getitem__, places)] for texts in by_place]


def _histogram_columns(view: MetricView, places: Places) -> list[list[str]]:
    counts, width, values = len(view.metric.rule.buckets) + 1, view.width, view.values
    cells = zip(*[values[place * width : (place + 1) * width] for place in places], strict=True)
    given = [*cells]
    total = given[0]
    columns = [[*map(repr, total)]]
    for column in given[1:counts]:
        total = tuple(map(add, total, column))
        columns.append([*map(repr, total)])
    count = columns[-1]
    for number, marks in enumerate(given[counts + 1 :]):
        columns[number] = _with_exemplars(columns[number], marks)
    return [*columns, _numbers(given[counts]), count]


class _Beginnings(dict[float, str]):
    """Times as they are written: series that began in one batch share theirs."""

    def __missing__(self, seconds: float) -> str:
        text = self[seconds] = f"{seconds:.3f}"
        return text


def _numbers(values: Sequence[float]) -> list[str]:
    texts = [*map(repr, values)]
    return texts if _ODD.isdisjoint(texts) else [*map(_number, values)]


def _number(value: float) -> str:
    if isinstance(value, int) or math.isfinite(value):
        return repr(value)
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"


def _with_exemplars(texts: list[str], marks: Sequence[Mark | None]) -> list[str]:
    return [
        text if mark is None else f"{text}{mark[3] or _exemplar(mark)}"
        for text, mark in zip(texts, marks, strict=True)
    ]


def _exemplar(mark: Mark) -> str:
    correlation_id, value, seconds, _ = mark
    name = (
        "trace_id" if len(correlation_id) == 32 and _TRACE_ID.fullmatch(correlation_id) else "correlation_id"
    )
    if len(name) + len(correlation_id) > _MAX_EXEMPLAR_CHARACTERS:
        return ""
    text = correlation_id if correlation_id.isalnum() else escaped(correlation_id)
    mark[3] = f' # {{{name}="{text}"}} {value!r} {seconds:.3f}'
    return str(mark[3])

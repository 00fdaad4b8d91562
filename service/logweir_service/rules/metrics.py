"""Reads the rules under ``metrics``."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final, cast

from logweir.fields import EVENT_NAME

from .document import Node, Problems
from .expression import BadExpression, Predicate, compile_predicate
from .labels import read_labels
from .model import LabelRule, MetricRule, MetricType, ValueRule
from .names import SCALES, field_name_problems, metric_name_problems, unit
from .section import Section

_TYPES: Final = ("counter", "gauge", "histogram")
_LATER: Final = ("total", "pair", "across", "of", "windows")
_KEYS: Final = (
    *("name", "type", "help", "event", "when", "add", "set", "observe", "buckets", "labels"),
    *("max_series", "max_label_values", "expire", "exemplar", "init", "birth", "replace"),
)
_DEFAULT_KEYS: Final = ("labels", "max_series", "max_label_values", "expire", "exemplar", "birth")
_VALUE_KEY: Final = {"counter": "add", "gauge": "set", "histogram": "observe"}
_MAX_BUCKETS: Final = 100
_MAX_INIT: Final = 1000
_PATTERN: Final = re.compile(r"[a-z0-9_.*?]{1,128}")


@dataclass(frozen=True)
class Defaults:
    """What holds for every metric of a file that says nothing else."""

    labels: tuple[LabelRule, ...] = ()
    max_series: int = 2000
    max_label_values: int = 200
    exemplar: bool = True


def read_defaults(node: Node, maps: Mapping[str, Node], problems: Problems) -> Defaults:
    """Read a file's ``defaults``."""
    section = Section(node, problems, what="defaults", keys=_DEFAULT_KEYS)
    defaults = _budgets(section, Defaults(labels=read_labels(section.pairs("labels"), maps, problems)))
    _check_later_values(section)
    return defaults


def read_metric(
    node: Node, defaults: Defaults, maps: Mapping[str, Node], problems: Problems
) -> tuple[MetricRule, bool] | None:
    """Read one rule, and whether it replaces an earlier one; None where it has no name or type."""
    section = Section(node, problems, what="a metric", keys=_KEYS, later=_LATER)
    name = section.required("name")
    if section.entry("type").value == "distinct":
        section.problem("type", "the type 'distinct' is not supported yet")
        return None
    if not section.has("type"):
        section.problem("type", "'type' is missing")
        return None
    kind = section.choice("type", _TYPES, "")
    if not name or not kind:
        return None
    for problem in metric_name_problems(name, kind):
        section.problem("name", f"'{name}' {problem}")
    _check_later_values(section)
    budgets = _budgets(section, defaults)
    labels = _labels(section, defaults, maps)
    rule = MetricRule(
        name=name,
        type=cast(MetricType, kind),
        help="",
        events=read_events(section),
        when=read_condition(section, "when"),
        value=_value(section, name, kind),
        labels=labels,
        buckets=_buckets(section, kind),
        max_series=budgets.max_series,
        max_label_values=budgets.max_label_values,
        exemplar=budgets.exemplar and kind != "gauge",
        init=_init(section, labels),
    )
    sources = ", ".join(rule.events)
    return replace(rule, help=section.text("help", f"Derived from {sources}.")), section.flag("replace")


def read_events(section: Section) -> tuple[str, ...]:
    """Read event names and globs."""
    if not section.has("event"):
        section.problem("event", "'event' is missing: a name, a list of names, or a glob")
    events = section.texts("event")
    for event in events:
        if not (EVENT_NAME.fullmatch(event) or _PATTERN.fullmatch(event)):
            section.problem(
                "event", f"'{event}' is no event name or glob ([a-z0-9_.*?], at most 128 characters)"
            )
    return events


def read_condition(section: Section, key: str) -> Predicate | None:
    """Read an expression; None where there is none, or none that can be used."""
    text = section.text(key)
    if not text:
        return None
    try:
        return compile_predicate(text)
    except BadExpression as error:
        section.problem(key, f"'{key}' {error}")
        return None


def _budgets(section: Section, defaults: Defaults) -> Defaults:
    return replace(
        defaults,
        max_series=section.whole("max_series", defaults.max_series, least=1, most=1_000_000),
        max_label_values=section.whole("max_label_values", defaults.max_label_values, least=1, most=100_000),
        exemplar=section.choice(
            "exemplar", ("correlation_id", "none"), "correlation_id" if defaults.exemplar else "none"
        )
        == "correlation_id",
    )


def _check_later_values(section: Section) -> None:
    for key, only in (("expire", "never"), ("birth", "value")):
        if section.has(key) and section.entry(key).text != only:
            section.problem(key, f"'{key}: {section.entry(key).text}' is not supported yet, only '{only}'")


def _labels(section: Section, defaults: Defaults, maps: Mapping[str, Node]) -> tuple[LabelRule, ...]:
    own = read_labels(section.pairs("labels"), maps, section.problems)
    named = {label.name for label in own}
    return (*(label for label in defaults.labels if label.name not in named), *own)


def _value(section: Section, name: str, kind: str) -> ValueRule | None:
    key = _VALUE_KEY[kind]
    for other in _VALUE_KEY.values():
        if other != key and section.has(other):
            section.problem(
                other, f"a {kind} takes no '{other}'" + ("" if kind == "counter" else f", but '{key}'")
            )
    if not section.has(key):
        if kind != "counter":
            section.problem(key, f"a {kind} needs '{key}': the field that holds its value")
        return None
    if isinstance(section.entry(key).value, str):
        field = section.text(key)
        _check_field(section, key, field)
        return ValueRule(field=field)
    inner = Section(section.entry(key), section.problems, what=f"'{key}'", keys=("from", "unit"))
    field = inner.required("from")
    _check_field(inner, "from", field)
    multiply, divide = _scale(inner, name)
    return ValueRule(field=field, multiply=multiply, divide=divide)


def _check_field(section: Section, key: str, field: str) -> None:
    for problem in field_name_problems(field) if field else ():
        section.problem(key, f"'{field}' {problem}")
    if field in ("event", "service", "level", "timestamp", "correlation_id"):
        section.problem(key, f"'{field}' is never a number")


def _scale(section: Section, name: str) -> tuple[float, float]:
    if not section.has("unit"):
        return 1.0, 1.0
    scales: Mapping[str, tuple[float, float]] = SCALES.get(unit(name) or "", {})
    word = section.text("unit")
    if word in scales:
        return scales[word]
    if scales:
        section.problem(
            "unit", f"'{word}' does not become {unit(name)}: {', '.join(scales)}", word=word, known=scales
        )
    else:
        section.problem("unit", f"'{name}' ends in no unit that values are converted to: {', '.join(SCALES)}")
    return 1.0, 1.0


def _buckets(section: Section, kind: str) -> tuple[float, ...]:
    if kind != "histogram":
        if section.has("buckets"):
            section.problem("buckets", f"a {kind} takes no 'buckets'")
        return ()
    if not section.has("buckets"):
        section.problem("buckets", "a histogram needs 'buckets': upper bounds, ascending")
        return ()
    bounds: list[Any] = [node.value for node in section.items("buckets")]
    numbers = [
        float(bound) for bound in bounds if isinstance(bound, int | float) and not isinstance(bound, bool)
    ]
    ascending = all(low < high for low, high in pairwise(numbers))
    if len(numbers) != len(bounds) or not numbers or not ascending or not all(map(math.isfinite, numbers)):
        section.problem("buckets", "'buckets' must be ascending finite numbers; +Inf comes by itself")
        return ()
    if len(numbers) > _MAX_BUCKETS:
        section.problem("buckets", f"more than {_MAX_BUCKETS} buckets")
    return tuple(numbers)


def _init(section: Section, labels: tuple[LabelRule, ...]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    known = {label.name for label in labels}
    entries = section.pairs("init")
    inner = Section(section.entry("init"), section.problems, what="init", keys=known) if entries else section
    texts = tuple((name, inner.texts(name)) for name in entries if name in known)
    if math.prod(len(values) for _, values in texts) > _MAX_INIT:
        section.problem("init", f"makes more than {_MAX_INIT} series for each service")
    return texts

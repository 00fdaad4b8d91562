"""Reads the rules under ``metrics``."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, cast

from logweir.fields import EVENT_NAME

from .document import Node, Problems
from .expression import BadExpression, Predicate, compile_predicate
from .labels import read_labels
from .model import GAUGE_EXPIRE_SECONDS, INSTANCE, DistinctRule, LabelRule, MetricRule, MetricType, PairRule
from .names import metric_name_problems
from .section import Section
from .values import (
    VALUE_KEYS,
    check_value_keys,
    read_across,
    read_buckets,
    read_distinct,
    read_once,
    read_pair,
    read_values,
)
from .worst_case import possible_texts

_TYPES: Final = ("counter", "gauge", "histogram", "distinct")
_KEYS: Final = (
    *("name", "type", "help", "event", "when", *VALUE_KEYS, "across", "once", "windows", "buckets", "labels"),
    *("max_series", "max_label_values", "expire", "exemplar", "init", "birth", "replace"),
)
_DEFAULT_KEYS: Final = ("labels", "max_series", "max_label_values", "expire", "exemplar", "birth")
_MAX_INIT: Final = 1000
_SHORTEST_EXPIRE_SECONDS: Final = 60.0
_PATTERN: Final = re.compile(r"[a-z0-9_.*?]{1,128}")


@dataclass(frozen=True)
class Defaults:
    """What holds for every metric of a file that says nothing else."""

    labels: tuple[LabelRule, ...] = ()
    max_series: int = 2000
    max_label_values: int = 200
    exemplar: bool = True
    expire_seconds: float | None = None
    birth_zero: bool = False


def read_defaults(node: Node, maps: Mapping[str, Node], problems: Problems) -> Defaults:
    """Read a file's ``defaults``."""
    section = Section(node, problems, what="defaults", keys=_DEFAULT_KEYS)
    defaults = _budgets(section, Defaults(labels=read_labels(section.pairs("labels"), maps, problems)))
    return replace(defaults, expire_seconds=_never_or_seconds(section, None))


def read_metric(
    node: Node, defaults: Defaults, maps: Mapping[str, Node], problems: Problems
) -> tuple[MetricRule, bool] | None:
    """Read one rule, and whether it replaces an earlier one; None where it has no name or type."""
    section = Section(node, problems, what="a metric", keys=_KEYS)
    name = section.required("name")
    if not section.has("type"):
        section.problem("type", "'type' is missing")
        return None
    kind = section.choice("type", _TYPES, "")
    if not name or not kind:
        return None
    exposed = cast(MetricType, "gauge" if kind == "distinct" else kind)
    for problem in metric_name_problems(name, exposed):
        section.problem("name", f"'{name}' {problem}")
    check_value_keys(section, kind)
    budgets = _budgets(section, defaults)
    pair, distinct = read_pair(section), read_distinct(section, kind)
    values = read_values(section, name, kind)
    labels = _labels(section, defaults, maps)
    rule = MetricRule(
        name=name,
        type=exposed,
        help="",
        events=_events(section, pair),
        when=read_condition(section, "when"),
        value=values.value,
        by=values.by,
        parts=values.parts,
        across=read_across(section),
        pair=pair,
        distinct=distinct,
        once=read_once(section),
        labels=labels,
        buckets=read_buckets(section, kind),
        max_series=budgets.max_series,
        max_label_values=budgets.max_label_values,
        exemplar=budgets.exemplar and exposed != "gauge",
        expire_seconds=_expire(section, defaults, pair, distinct),
        birth_zero=budgets.birth_zero and exposed != "gauge",
    )
    rule = replace(rule, labels=_all_labels(rule))
    made = {"window"} if rule.distinct is not None else {rule.by}
    for label in labels:
        if label.name in made:
            section.problem("labels", f"label '{label.name}' is made by the metric itself")
    sources = ", ".join(rule.events)
    help_text = section.text("help", f"Derived from {sources}.")
    return replace(rule, help=help_text, init=_init(section, rule)), section.flag("replace")


def _events(section: Section, pair: PairRule | None) -> tuple[str, ...]:
    if pair is None:
        return read_events(section)
    if section.has("event"):
        section.problem("event", "'pair' says which events start and end it, and takes no 'event'")
    for events in (pair.start, pair.end):
        _check_events(section, "pair", events)
    return (*pair.start, *pair.end)


def _all_labels(rule: MetricRule) -> tuple[LabelRule, ...]:
    """The labels; what each instance says of itself is one series per instance, unless it becomes one."""
    labels = rule.labels
    if rule.by is not None:
        labels = (*labels, LabelRule(name=rule.by, constant=""))
    values = [each for each in (rule.value, *(each for _, each in rule.parts)) if each is not None]
    own = rule.type == "gauge" and values and rule.across is None
    if not (own or any(each.cumulative for each in values)):
        return labels
    if any(INSTANCE in label.fields for label in labels):
        return labels
    return (*labels, LabelRule(name="instance_id", fields=(INSTANCE,)))


def read_events(section: Section) -> tuple[str, ...]:
    """Read event names and globs."""
    if not section.has("event"):
        section.problem("event", "'event' is missing: a name, a list of names, or a glob")
    events = section.texts("event")
    _check_events(section, "event", events)
    return events


def _check_events(section: Section, key: str, events: Iterable[str]) -> None:
    for event in events:
        if not (EVENT_NAME.fullmatch(event) or _PATTERN.fullmatch(event)):
            section.problem(key, f"'{event}' is no event name or glob ([a-z0-9_.*?], at most 128 characters)")


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
        birth_zero=section.choice("birth", ("value", "zero"), "zero" if defaults.birth_zero else "value")
        == "zero",
    )


def _expire(
    section: Section, defaults: Defaults, pair: PairRule | None, distinct: DistinctRule | None
) -> float | None:
    """How long a series stays; what is said for all metrics of a file is not meant for gauges."""
    for key, reason in (("pair", "has its timeout"), ("of", "has its windows")):
        if section.has(key) and section.has("expire"):
            section.problem("expire", f"'{key}' {reason} and takes no 'expire'")
    if pair is not None:
        return None
    if distinct is not None:
        return max((seconds for _, seconds in distinct.windows), default=None)
    usual = GAUGE_EXPIRE_SECONDS if section.has("set") else defaults.expire_seconds
    return _never_or_seconds(section, usual)


def _never_or_seconds(section: Section, usual: float | None) -> float | None:
    if not section.has("expire"):
        return usual
    if section.entry("expire").text == "never":
        return None
    seconds = section.seconds("expire", 300.0)
    if seconds < _SHORTEST_EXPIRE_SECONDS:
        section.problem("expire", "'expire' must be 'never', or a minute or more")
    return seconds


def _labels(section: Section, defaults: Defaults, maps: Mapping[str, Node]) -> tuple[LabelRule, ...]:
    own = read_labels(section.pairs("labels"), maps, section.problems)
    named = {label.name for label in own}
    return (*(label for label in defaults.labels if label.name not in named), *own)


def _init(section: Section, rule: MetricRule) -> tuple[tuple[str, tuple[str, ...]], ...]:
    known = {label.name for label in rule.labels}
    entries = section.pairs("init")
    inner = Section(section.entry("init"), section.problems, what="init", keys=known) if entries else section
    texts = tuple((name, inner.texts(name)) for name in entries if name in known)
    for label in rule.labels:
        if label.name in entries:
            _check_init(inner, label, [text for text, _ in rule.parts] if label.name == rule.by else None)
    if texts and rule.by is not None and rule.by not in entries:
        texts = (*texts, (rule.by, tuple(text for text, _ in rule.parts)))
    if math.prod(len(values) for _, values in texts) > _MAX_INIT:
        section.problem("init", f"makes more than {_MAX_INIT} series for each service")
    return texts


def _check_init(inner: Section, label: LabelRule, parts: Collection[str] | None) -> None:
    """Say which texts a label never has: what is shown as 0 under them would stay 0."""
    possible = possible_texts(label) if parts is None else parts
    for text in inner.texts(label.name):
        fits = len(text) <= label.truncate and (
            possible is not None or not label.lower or text == text.lower()
        )
        if (possible is not None and text not in possible) or not fits:
            known = sorted(possible or ())
            inner.problem(label.name, f"label '{label.name}' never is '{text}'", word=text, known=known)

"""Reads where a metric's numbers come from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import Any, Final, cast

from .labels import MAX_TEXT
from .model import Across, DistinctRule, PairRule, ValueRule
from .names import SCALES, field_name_problems, label_name_problems, unit
from .section import Section

VALUE_KEYS: Final = ("add", "total", "set", "observe", "pair", "of")
"""Each says where the value comes from; a rule has one of them, or counts events."""

_TAKES: Final[Mapping[str, Sequence[str]]] = {
    "counter": ("add", "total"),
    "gauge": ("set", "pair"),
    "histogram": ("observe",),
    "distinct": ("of",),
}
_MAX_BUCKETS: Final = 100
_MAX_WINDOWS: Final = 5
_FIXED: Final = ("event", "service", "level", "timestamp", "correlation_id")


def check_value_keys(section: Section, kind: str) -> None:
    """Say which keys do not go with the type of a metric, or with one another."""
    takes = _TAKES[kind]
    given = [key for key in VALUE_KEYS if section.has(key)]
    for key in given:
        if key not in takes:
            instead = "" if kind == "counter" else f", but {' or '.join(map(repr, takes))}"
            section.problem(key, f"a {kind} takes no '{key}'{instead}")
    if len(given) > 1 and set(given) <= set(takes):
        section.problem(given[1], f"'{given[0]}' and '{given[1]}' both say where the value comes from")
    if kind != "counter" and not set(given) & set(takes):
        section.problem(takes[0], f"a {kind} needs '{takes[0]}': the field that holds its value")
    for key, only in (
        ("across", "gauge"),
        ("once", "counter"),
        ("buckets", "histogram"),
        ("windows", "distinct"),
    ):
        if section.has(key) and kind != only:
            section.problem(key, f"a {kind} takes no '{key}'")


@dataclass(frozen=True)
class Values:
    """The field of a value and its unit, or several, told apart by a label."""

    value: ValueRule | None = None
    by: str | None = None
    parts: tuple[tuple[str, ValueRule], ...] = ()


def read_values(section: Section, name: str, kind: str) -> Values:
    """Read where a value comes from; nothing where there is none."""
    for key in _TAKES[kind]:
        if key in ("add", "total", "set", "observe") and section.has(key):
            return _values(section, key, name)
    return Values()


def read_across(section: Section) -> Across | None:
    """Read how instances become one."""
    if not section.has("across"):
        return None
    if section.has("pair"):
        section.problem("across", "'pair' counts over all instances and takes no 'across'")
    return cast(Across, section.choice("across", ("sum", "max", "min"), "sum"))


def read_pair(section: Section) -> PairRule | None:
    """Read what goes on between two events; None where nothing does."""
    if not section.has("pair"):
        return None
    keys = ("start", "end", "key", "timeout")
    inner = Section(section.entry("pair"), section.problems, what="'pair'", keys=keys)
    for key in ("start", "end"):
        if not inner.has(key):
            inner.problem(key, f"'{key}' is missing in 'pair': the events that {key} it")
    field = inner.required("key")
    check_field(inner, "key", field)
    timeout = inner.seconds("timeout", 3600.0)
    if not 1.0 <= timeout <= 30 * 86_400:
        inner.problem("timeout", "'timeout' must be from 1s to 30d")
    starts, ends = inner.texts("start"), inner.texts("end")
    for end in ends:
        if any(fnmatchcase(end, start) for start in starts):
            inner.problem("end", f"'{end}' starts it too, and what starts ends nothing")
    return PairRule(start=starts, end=ends, key=field, timeout_seconds=timeout)


def read_distinct(section: Section, kind: str) -> DistinctRule | None:
    """Read whose values are told apart, and in which windows; None where none are."""
    if kind != "distinct":
        return None
    field = section.text("of")
    check_field(section, "of", field)
    windows = section.durations("windows", {"1h": 3600.0, "1d": 86_400.0, "7d": 7 * 86_400.0})
    if len(windows) > _MAX_WINDOWS or not all(60.0 <= seconds <= 90 * 86_400 for seconds in windows.values()):
        section.problem("windows", f"'windows' are at most {_MAX_WINDOWS}, each from 1m to 90d")
    return DistinctRule(field=field, windows=tuple(windows.items()))


def read_once(section: Section) -> str | None:
    """Read the field of which each value counts once."""
    if not section.has("once"):
        return None
    field = section.text("once")
    check_field(section, "once", field)
    return field


def read_buckets(section: Section, kind: str) -> tuple[float, ...]:
    """Read the upper bounds of a histogram."""
    if kind != "histogram":
        return ()
    if not section.has("buckets"):
        section.problem("buckets", "a histogram needs 'buckets': upper bounds, ascending")
        return ()
    bounds: list[Any] = [node.value for node in section.items("buckets")]
    numbers = [
        _bound(bound) for bound in bounds if isinstance(bound, int | float) and not isinstance(bound, bool)
    ]
    ascending = all(low < high for low, high in pairwise(numbers))
    if len(numbers) != len(bounds) or not numbers or not ascending or not all(map(math.isfinite, numbers)):
        section.problem("buckets", "'buckets' must be ascending finite numbers; +Inf comes by itself")
        return ()
    if len(numbers) > _MAX_BUCKETS:
        section.problem("buckets", f"more than {_MAX_BUCKETS} buckets")
    return tuple(numbers)


def _bound(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf


def check_field(section: Section, key: str, field: str) -> None:
    """Say why a field cannot be read by a rule."""
    if field == "timestamp":
        section.problem(key, "'timestamp' is never a number, and tells nothing apart")
    for problem in field_name_problems(field) if field else ():
        section.problem(key, f"'{field}' {problem}")


def _values(section: Section, key: str, name: str) -> Values:
    if isinstance(section.entry(key).value, str):
        field = section.text(key)
        _check_number(section, key, field)
        return Values(ValueRule(field=field, cumulative=key == "total"))
    if not isinstance(section.entry(key).value, dict):
        section.problem(key, f"'{key}' must be a field name, or a mapping with 'from'")
        return Values()
    inner = Section(section.entry(key), section.problems, what=f"'{key}'", keys=("from", "unit", "by"))
    multiply, divide = _scale(inner, name)
    usual = ValueRule(field="", multiply=multiply, divide=divide, cumulative=key == "total")
    if isinstance(inner.entry("from").value, dict) and inner.has("from"):
        return _parts(section, inner, key, usual)
    if inner.has("by"):
        inner.problem("by", "'by' goes with a 'from' that maps texts of that label to fields")
    field = inner.required("from")
    _check_number(inner, "from", field)
    return Values(replace(usual, field=field))


def _parts(section: Section, inner: Section, key: str, usual: ValueRule) -> Values:
    if key == "observe" or section.has("once"):
        inner.problem("from", f"'{'once' if section.has('once') else key}' takes one field")
    by = inner.required("by")
    for problem in label_name_problems(by) if by else ():
        inner.problem("by", f"label '{by}' {problem}")
    parts = []
    for text, node in inner.pairs("from").items():
        field = node.value if isinstance(node.value, str) else ""
        if not field:
            section.problems.add(node, f"'{text}' must be a field name")
        for problem in field_name_problems(field) if field else ():
            section.problems.add(node, f"'{field}' {problem}")
        parts.append((text[:MAX_TEXT], replace(usual, field=field)))
    if not parts:
        inner.problem("from", "'from' names no field")
    return Values(by=by, parts=tuple(parts))


def _check_number(section: Section, key: str, field: str) -> None:
    check_field(section, key, field)
    if field in _FIXED and field != "timestamp":
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

"""Rules as generated Python: one function for all rules that take events of one level and name.

This is the hot path of the service, and the reason for generating: no rule is interpreted per event, and one
dictionary lookup by the raw values of all labels finds the cells of all rules. That dictionary is a cache
only. What is not in it is found by plain code (`Metric.filler`), and it may be emptied at any time.

In Python ``1 == True == 1.0``, so only text, int and None are keys as they are; others become text first.
The generated function of a counter looks like this::

    def take(e, received):
        l_http_route = e.http_route
        l_service = e.service
        try:
            if (k := l_http_route.__class__) is not str and k is not int and l_http_route is not None:
                l_http_route = text_of(l_http_route)
            entry = entries[l_http_route, l_service]
        except KeyError:
            entry = remember((l_http_route, l_service))
        except TypeError:
            entry = [None]
        (c0,) = entry
        if c0 is None:
            c0 = fill0(entry, e, received)
        c0[0] += 1
"""

from __future__ import annotations

import sys
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from logweir_service.event import FIXED_FIELDS, Event, attribute
from logweir_service.rules.expression import FAULTS, SCOPE

from .series import Cell, Metric, Tally
from .text import MAX_CHARACTERS, text_of

Take = Callable[[Event, float], None]
Entry = list[Cell | None]

MAX_GAUGE_AGE_SECONDS: Final = 300.0
"""A gauge shows the present: what comes late, after an outage, must not overwrite it."""

_LARGEST: Final = sys.float_info.max
_NAN: Final = float("nan")


class Entries(dict[tuple[Any, ...], Entry]):
    """The cells of all rules of a program, by the raw values of their labels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width


class EntryCache:
    """Bounds the entries of all programs together."""

    def __init__(self, max_entries: int) -> None:
        self._max_entries = max_entries
        self._all: list[Entries] = []
        self._count = 0

    def entries(self, width: int) -> Entries:
        """Make the entries of a program with as many rules as `width`."""
        entries = Entries(width)
        self._all.append(entries)
        return entries

    def remember(self, entries: Entries, key: tuple[Any, ...]) -> Entry:
        """A new entry for a key; keys that would cost much memory are not kept."""
        entry: Entry = [None] * entries.width
        if any(_is_long(part) for part in key):
            return entry
        if self._count >= self._max_entries:
            for each in self._all:
                each.clear()
            self._count = 0
        self._count += 1
        entries[key] = entry
        return entry


def _is_long(part: Any) -> bool:
    if isinstance(part, str):
        return len(part) > MAX_CHARACTERS
    return isinstance(part, int) and part.bit_length() > 64


def compile_take(rules: Sequence[tuple[Metric, str | None]], cache: EntryCache, tally: Tally) -> Take:
    """Make the function that applies rules to one event; beside each stands the source of its condition."""
    source = _Source(rules)
    entries = cache.entries(len(rules))
    scope: dict[str, Any] = {
        **SCOPE,
        "FAULTS": FAULTS,
        "bisect_left": bisect_left,
        "entries": entries,
        "number": _number,
        "remember": lambda key: cache.remember(entries, key),
        "seconds": _seconds,
        "text_of": text_of,
    }
    for index, (metric, _) in enumerate(rules):
        scope[f"B{index}"] = metric.rule.buckets
        scope[f"fill{index}"] = metric.filler(index)
        scope[f"skip{index}"] = _skipper(metric.rule.name, tally)
    exec(compile(source.text(), "<rules>", "exec"), scope)  # noqa: S102 - made of checked parts
    take: Take = scope["take"]
    return take


def _number(value: Any) -> float:
    """A number as float; NaN, which no range holds, for everything else."""
    if value.__class__ is int:
        try:
            return float(value)
        except OverflowError:
            return _NAN
    return _NAN


def _seconds(timestamp: datetime) -> float:
    return (timestamp if timestamp.tzinfo else timestamp.replace(tzinfo=UTC)).timestamp()


def _skipper(rule: str, tally: Tally) -> Callable[[str, Any], None]:
    def skip(reason: str, value: Any = None) -> None:
        if reason == "value":
            reason = _refusal(value)
        tally.skip(rule, reason)

    return skip


def _refusal(value: Any) -> str:
    """Why a value is not used."""
    if value is None:
        return "missing_value"
    if value.__class__ not in (int, float):
        return "value_type"
    if not -_LARGEST <= value <= _LARGEST:
        return "not_finite"
    return "negative"


class _Source:
    """Writes the source of one function."""

    def __init__(self, rules: Sequence[tuple[Metric, str | None]]) -> None:
        self._rules = rules
        self._lines: list[str] = []

    def text(self) -> str:
        self._open()
        for index, (metric, condition) in enumerate(self._rules):
            self._rule(index, metric, condition)
        return "\n".join(self._lines)

    def _add(self, depth: int, *lines: str) -> None:
        self._lines += ["    " * depth + line for line in lines]

    def _open(self) -> None:
        keys = sorted(
            {field for metric, _ in self._rules for label in metric.rule.labels for field in label.fields}
        )
        used = {field for metric, _ in self._rules for field in metric.rule.used_fields}
        bound = (
            "bisect_left",
            "entries",
            "remember",
            "number",
            *_numbered("B", "fill", "skip", count=len(self._rules)),
        )
        self._add(0, f"def take(e, received, {', '.join(f'{name}={name}' for name in bound)}):")
        for field in sorted({*keys, *used}):
            names = (f"l_{field} = " if field in keys else "") + (f"f_{field} = " if field in used else "")
            self._add(1, f"{names}e.{attribute(field)}")
        if any(metric.rule.exemplar for metric, _ in self._rules):
            self._add(1, "correlation_id = e.correlation_id", "timestamp = e.timestamp")
        key = f"({''.join(f'l_{field}, ' for field in keys)})"
        self._add(1, "try:")
        for field in keys:
            if field not in FIXED_FIELDS:
                name = f"l_{field}"
                self._add(
                    2, f"if (k := {name}.__class__) is not str and k is not int and {name} is not None:"
                )
                self._add(3, f"{name} = text_of({name})")
        self._add(2, f"entry = entries[{key}]")
        self._add(1, "except KeyError:", f"    entry = remember({key})")
        self._add(1, "except TypeError:", f"    entry = {[None] * len(self._rules)}")
        self._add(1, f"{''.join(f'c{index}, ' for index in range(len(self._rules)))} = entry")

    def _rule(self, index: int, metric: Metric, condition: str | None) -> None:
        depth = 1
        if condition is not None:
            self._add(1, "try:", f"    met = {condition}", "except FAULTS:")
            self._add(2, "met = False", f"skip{index}('expression')")
            self._add(1, "if met:")
            depth = 2
        value = metric.rule.value
        if value is None:
            self._cell(depth, index)
            self._counter(depth, index, metric, "1")
            return
        raw = f"f_{value.field}"
        self._add(depth, f"v = {raw}", "if v.__class__ is not float:", "    v = number(v)")
        if value.multiply != 1.0:
            self._add(depth, f"v *= {value.multiply!r}")
        if value.divide != 1.0:
            self._add(depth, f"v /= {value.divide!r}")
        self._add(depth, f"if {_least(metric)} <= v <= {_LARGEST!r}:")
        {"counter": self._counter_of_value, "gauge": self._gauge, "histogram": self._histogram}[
            metric.rule.type
        ](depth + 1, index, metric)
        self._add(depth, "else:", f"    skip{index}('value', {raw})")

    def _cell(self, depth: int, index: int) -> None:
        self._add(depth, f"if c{index} is None:", f"    c{index} = fill{index}(entry, e, received)")

    def _counter_of_value(self, depth: int, index: int, metric: Metric) -> None:
        self._cell(depth, index)
        self._counter(depth, index, metric, "v")

    def _counter(self, depth: int, index: int, metric: Metric, amount: str) -> None:
        self._add(depth, f"c{index}[0] += {amount}")
        if metric.rule.exemplar:
            self._add(depth, "if correlation_id is not None:")
            self._add(depth + 1, f"c{index}[1] = correlation_id, {amount}, timestamp")

    def _histogram(self, depth: int, index: int, metric: Metric) -> None:
        counts = len(metric.rule.buckets) + 1
        self._cell(depth, index)
        self._add(depth, f"i = bisect_left(B{index}, v)", f"c{index}[i] += 1", f"c{index}[{counts}] += v")
        if metric.rule.exemplar:
            self._add(depth, "if correlation_id is not None:")
            self._add(depth + 1, f"c{index}[i + {counts + 1}] = correlation_id, v, timestamp")

    def _gauge(self, depth: int, index: int, _: Metric) -> None:
        self._add(depth, "t = seconds(e.timestamp)", f"if t > received - {MAX_GAUGE_AGE_SECONDS}:")
        self._cell(depth + 1, index)
        self._add(depth + 1, f"if t > c{index}[1]:")
        self._add(depth + 2, f"c{index}[0] = v", f"c{index}[1] = min(t, received)")
        self._add(depth + 1, "else:", f"    skip{index}('late')")
        self._add(depth, "else:", f"    skip{index}('late')")


def _numbered(*names: str, count: int) -> Iterable[str]:
    return [f"{name}{index}" for name in names for index in range(count)]


def _least(metric: Metric) -> str:
    """The smallest value that a rule takes: counters only grow, and so do sums of histograms from 0 on."""
    rule = metric.rule
    grows = rule.type == "counter" or (rule.type == "histogram" and rule.buckets[0] >= 0)
    return "0.0" if grows else repr(-_LARGEST)

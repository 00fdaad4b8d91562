"""Rules as generated Python: one function for all rules that take events of one level and name.

This is the hot path of the service, and the reason for generating: no rule is interpreted per event, and one
dictionary lookup by the raw values of all labels finds the cells of all rules. That dictionary is a cache
only. What is not in it is found by plain code (`Metric.filler`), and it may be emptied at any time.

In Python ``1 == True == 1.0``, so only text, int and None are keys as they are; others become text first.
That guard stands only at fields in which something else than text was ever seen: `EntryCache` learns them.

Exemplars are taken once a second and bucket (`tick`). Each one kept is memory gone cold, and to exchange it
for every event would cost as much as the counting.

The generated function of a counter looks like this::

    def take(e, received, tick):
        l_http_response_status_code = e.http_response_status_code
        l_service = e.service
        try:
            if (k := l_http_response_status_code.__class__) is not str and k is not int ...:
                l_http_response_status_code = text_of(l_http_response_status_code)
            entry = entries[l_http_response_status_code, l_service]
        except KeyError:
            entry = remember((l_http_response_status_code, l_service))
        except TypeError:
            entry = [None]
        (c0,) = entry
        if c0 is None:
            c0 = fill0(entry, e, received)
        c0[0] += 1
        if c0[2] is not tick:
            mark(c0, 1, 2, e, 1, tick)
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from logweir_service.event import Event, attribute
from logweir_service.rules.expression import FAULTS, SCOPE

from .series import Cell, Metric, Tally
from .text import MAX_CHARACTERS, text_of

Take = Callable[[Event, float, object], None]
"""Takes an event, the time it was received, and an object that is another one every second."""

Entry = list[Cell | None]
"""The cells of all rules of a program for one key; None where a rule has not met it yet."""

Remember = Callable[[tuple[Any, ...]], Entry]

MAX_GAUGE_AGE_SECONDS: Final = 300.0
"""A gauge shows the present: what comes late, after an outage, must not overwrite it."""

_LARGEST: Final = sys.float_info.max
_NAN: Final = float("nan")


class EntryCache:
    """The entries of all programs, bounded together; and the fields that are guarded in their keys."""

    def __init__(self, max_entries: int, learned: Callable[[], None]) -> None:
        self.guarded: set[str] = set()
        self._max_entries = max_entries
        self._learned = learned
        self._programs: list[dict[tuple[Any, ...], Entry]] = []
        self._count = 0

    def clear(self) -> None:
        """Forget all entries, and the programs they belong to."""
        for entries in self._programs:
            entries.clear()
        self._programs.clear()
        self._count = 0

    def program(self, fields: Sequence[str], width: int) -> tuple[dict[tuple[Any, ...], Entry], Remember]:
        """The entries of a new program, and the function that adds one.

        `fields` name the parts of a key, `width` is the number of rules. Keys that would cost much memory are
        not kept, and none with a number in a field that is not guarded: the programs are then made anew.
        """
        entries: dict[tuple[Any, ...], Entry] = {}
        self._programs.append(entries)

        def remember(key: tuple[Any, ...]) -> Entry:
            entry: Entry = [None] * width
            odd = {field for field, part in zip(fields, key, strict=True) if not isinstance(part, str | None)}
            if odd - self.guarded:
                self.guarded |= odd
                self._learned()
            elif not any(map(_is_long, key)):
                if self._count >= self._max_entries:
                    self._empty()
                self._count += 1
                entries[key] = entry
            return entry

        return entries, remember

    def _empty(self) -> None:
        for entries in self._programs:
            entries.clear()
        self._count = 0


def _is_long(part: Any) -> bool:
    if isinstance(part, str):
        return len(part) > MAX_CHARACTERS
    return isinstance(part, int) and part.bit_length() > 64


def compile_take(rules: Sequence[tuple[Metric, str | None]], cache: EntryCache, tally: Tally) -> Take:
    """Make the function that applies rules to one event; beside each stands the source of its condition."""
    source = _Source(rules, cache.guarded)
    entries, remember = cache.program(source.keys, len(rules))
    scope: dict[str, Any] = {
        **SCOPE,
        "FAULTS": FAULTS,
        "entries": entries,
        "mark": _mark,
        "number": _number,
        "remember": remember,
        "seconds": _seconds,
        "text_of": text_of,
    }
    for index, (metric, _) in enumerate(rules):
        scope[f"fill{index}"] = metric.filler(index)
        scope[f"skip{index}"] = _skipper(metric.rule.name, tally)
    exec(compile(source.text(), "<rules>", "exec"), scope)  # noqa: S102 - made of checked parts
    take: Take = scope["take"]
    return take


def _mark(cell: Cell, place: int, tick_place: int, event: Event, value: float, tick: object) -> None:
    """Keep an event as the exemplar of a bucket."""
    if event.correlation_id is not None:
        cell[place] = (event.correlation_id, value, event.timestamp)
        cell[tick_place] = tick


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

    def __init__(self, rules: Sequence[tuple[Metric, str | None]], guarded: Collection[str]) -> None:
        self.keys = sorted({f for metric, _ in rules for label in metric.rule.labels for f in label.fields})
        self._rules = rules
        self._guarded = guarded
        self._lines: list[str] = []

    def text(self) -> str:
        self._open()
        for index, (metric, condition) in enumerate(self._rules):
            self._rule(index, metric, condition)
        return "\n".join(self._lines)

    def _add(self, depth: int, *lines: str) -> None:
        self._lines += ["    " * depth + line for line in lines]

    def _open(self) -> None:
        used = {field for metric, _ in self._rules for field in metric.rule.used_fields}
        self._add(0, "def take(e, received, tick):")
        for field in sorted({*self.keys, *used}):
            names = (f"l_{field} = " if field in self.keys else "") + (
                f"f_{field} = " if field in used else ""
            )
            self._add(1, f"{names}e.{attribute(field)}")
        key = f"({''.join(f'l_{field}, ' for field in self.keys)})"
        self._add(1, "try:")
        for field in self.keys:
            if field in self._guarded:
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
            self._add(depth, f"if c{index}[2] is not tick:")
            self._add(depth + 1, f"mark(c{index}, 1, 2, e, {amount}, tick)")

    def _histogram(self, depth: int, index: int, metric: Metric) -> None:
        counts = len(metric.rule.buckets) + 1
        self._cell(depth, index)
        self._add(
            depth, f"i = {_search(metric.rule.buckets)}", f"c{index}[i] += 1", f"c{index}[{counts}] += v"
        )
        if metric.rule.exemplar:
            self._add(depth, f"if c{index}[i + {2 * counts + 1}] is not tick:")
            self._add(depth + 1, f"mark(c{index}, i + {counts + 1}, i + {2 * counts + 1}, e, v, tick)")

    def _gauge(self, depth: int, index: int, _: Metric) -> None:
        self._add(depth, "t = seconds(e.timestamp)", f"if t > received - {MAX_GAUGE_AGE_SECONDS}:")
        self._cell(depth + 1, index)
        self._add(depth + 1, f"if t > c{index}[1]:")
        self._add(depth + 2, f"c{index}[0] = v", f"c{index}[1] = min(t, received)")
        self._add(depth + 1, "else:", f"    skip{index}('late')")
        self._add(depth, "else:", f"    skip{index}('late')")


def _search(bounds: Sequence[float], first: int = 0) -> str:
    """The bucket of ``v``, the first bound not below it: a tree of comparisons takes half of `bisect`'s time."""
    if not bounds:
        return str(first)
    middle = (len(bounds) - 1) // 2
    low = _search(bounds[:middle], first)
    high = _search(bounds[middle + 1 :], first + middle + 1)
    return f"({low} if v <= {bounds[middle]!r} else {high})"


def _least(metric: Metric) -> str:
    """The smallest value that a rule takes: counters only grow, and so do sums of histograms from 0 on."""
    rule = metric.rule
    grows = rule.type == "counter" or (rule.type == "histogram" and rule.buckets[0] >= 0)
    return "0.0" if grows else repr(-_LARGEST)

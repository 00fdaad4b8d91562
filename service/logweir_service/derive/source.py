"""Writes the source of the function that applies rules to one event; `program` says what it looks like."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from typing import Final

from logweir_service.event import attribute

from .feed import Feed
from .instances import MAX_AGE_SECONDS

LARGEST: Final = sys.float_info.max / 2**53
"""Of values that are counted: as many of them as an integer can count still make a finite sum."""


class Source:
    """The source of one function; beside each rule stands the source of its condition.

    ``keys`` are the fields whose raw values make the key of an entry, in order; those in `guarded` hold more
    than text.
    """

    def __init__(self, rules: Sequence[tuple[Feed, str | None]], guarded: Collection[str]) -> None:
        self.keys = sorted({f for feed, _ in rules for label in feed.rule.labels for f in label.fields})
        self._rules = rules
        self._guarded = guarded
        self._lines: list[str] = []

    def text(self) -> str:
        """Write it."""
        self._open()
        for index, (feed, condition) in enumerate(self._rules):
            self._rule(index, feed, condition)
        return "\n".join(self._lines)

    def _add(self, depth: int, *lines: str) -> None:
        self._lines += ["    " * depth + line for line in lines]

    def _open(self) -> None:
        used = {field for feed, _ in self._rules for field in feed.rule.used_fields}
        self._add(0, "def take(e, received, tick):")
        for field in sorted({*self.keys, *used}):
            key_name = f"l_{field} = " if field in self.keys else ""
            used_name = f"f_{field} = " if field in used else ""
            self._add(1, f"{key_name}{used_name}e.{attribute(field)}")
        key = f"({''.join(f'l_{field}, ' for field in self.keys)})"
        self._add(1, "try:")
        for field in self.keys:
            if field in self._guarded:
                name = f"l_{field}"
                odd = f"(k := {name}.__class__) is not int and k is not str and {name} is not None"
                self._add(2, f"if {odd}:")
                self._add(3, f"{name} = text_of({name})")
        self._add(2, f"entry = entries[{key}]")
        self._add(1, "except KeyError:", f"    entry = remember({key})")
        self._add(1, "except TypeError:", f"    entry = {[None] * len(self._rules)}")
        self._add(1, f"{''.join(f'c{index}, ' for index in range(len(self._rules)))} = entry")

    def _rule(self, index: int, feed: Feed, condition: str | None) -> None:
        depth = 1
        if condition is not None:
            self._add(1, "try:", f"    met = {condition}", "except FAULTS:")
            self._add(2, "met = False", f"skip{index}('expression')")
            self._add(1, "if met:")
            depth = 2
        rule, value = feed.rule, feed.rule.value
        if rule.pair is not None:
            self._add(depth, f"pair{index}(e, received)")
            return
        if rule.distinct is not None:
            self._distinct(depth, index, f"f_{rule.distinct.field}")
            return
        if rule.once is not None:
            self._add(depth, f"if f_{rule.once} is None or first{index}(e.service, f_{rule.once}, received):")
            depth += 1
        if value is None:
            self._cell(depth, index)
            self._counter(depth, index, feed, "1")
            return
        raw = f"f_{value.field}"
        if feed.optional:
            self._add(depth, f"if {raw} is not None:")
            depth += 1
        number = "level" if rule.type == "gauge" else "number"
        self._add(depth, f"v = {raw}", "if v.__class__ is not float:", f"    v = {number}(v)")
        if value.multiply != 1.0:
            self._add(depth, f"v *= {value.multiply!r}")
        if value.divide != 1.0:
            self._add(depth, f"v /= {value.divide!r}")
        self._add(depth, f"if {_least(feed)} <= v <= {LARGEST!r}:")
        {"counter": self._counter_of_value, "gauge": self._gauge, "histogram": self._histogram}[
            feed.rule.type
        ](depth + 1, index, feed)
        self._add(depth, "else:", f"    skip{index}('value', {raw})")

    def _cell(self, depth: int, index: int) -> None:
        self._add(depth, f"if c{index} is None:", f"    c{index} = fill{index}(entry, e, received)")

    def _distinct(self, depth: int, index: int, raw: str) -> None:
        """What has none of the values told apart is none of the rule's events."""
        self._add(depth, f"if {raw} is not None:")
        self._add(depth + 1, f"if {raw}.__class__ is str or {raw}.__class__ is int:")
        self._cell(depth + 2, index)
        self._add(depth + 2, f"c{index}[0].add(str({raw}), received)", f"c{index}[2] = received")
        self._add(depth + 1, "else:", f"    skip{index}('value_type')")

    def _counter_of_value(self, depth: int, index: int, feed: Feed) -> None:
        self._cell(depth, index)
        if feed.rule.per_instance:
            self._add(depth, f"v = grown(c{index}[4], e, v)", "if v is None:", f"    skip{index}('late')")
            self._add(depth, "else:")
            depth += 1
        self._counter(depth, index, feed, "v")

    def _counter(self, depth: int, index: int, feed: Feed, amount: str) -> None:
        self._add(depth, f"c{index}[0] += {amount}")
        if feed.rule.exemplar:
            self._add(depth, f"if c{index}[2] is not tick:")
            self._add(depth + 1, f"mark(c{index}, 1, 2, e, {amount}, tick)")
        self._received(depth, index, feed)

    def _histogram(self, depth: int, index: int, feed: Feed) -> None:
        counts = len(feed.rule.buckets) + 1
        self._cell(depth, index)
        self._add(depth, f"i = {_search(feed.rule.buckets)}", f"c{index}[i] += 1", f"c{index}[{counts}] += v")
        if feed.rule.exemplar:
            self._add(depth, f"if c{index}[i + {2 * counts + 1}] is not tick:")
            self._add(depth + 1, f"mark(c{index}, i + {counts + 1}, i + {2 * counts + 1}, e, v, tick)")
        self._received(depth, index, feed)

    def _received(self, depth: int, index: int, feed: Feed) -> None:
        if feed.rule.expire_seconds is not None:
            self._add(depth, f"c{index}[{feed.metric.received_place}] = received")

    def _gauge(self, depth: int, index: int, feed: Feed) -> None:
        self._add(depth, "t = seconds(e.timestamp)", f"if t > received - {MAX_AGE_SECONDS}:")
        self._cell(depth + 1, index)
        if feed.rule.across is None:
            self._add(depth + 1, f"if t > c{index}[1]:")
            self._add(depth + 2, f"c{index}[0] = v", f"c{index}[1] = min(t, received)")
        else:
            self._add(depth + 1, f"if keep(c{index}[3], e, v, received):")
        self._add(depth + 2, f"c{index}[2] = received")
        self._add(depth + 1, "else:", f"    skip{index}('late')")
        self._add(depth, "else:", f"    skip{index}('late')")


def _search(bounds: Sequence[float], first: int = 0) -> str:
    """The bucket of ``v``, the first bound not below it: a tree of comparisons is faster than `bisect`."""
    if not bounds:
        return str(first)
    middle = (len(bounds) - 1) // 2
    low = _search(bounds[:middle], first)
    high = _search(bounds[middle + 1 :], first + middle + 1)
    return f"({low} if v <= {bounds[middle]!r} else {high})"


def _least(feed: Feed) -> str:
    """The smallest value that a rule takes: counters only grow, and so do sums of histograms from 0 on."""
    rule = feed.rule
    grows = rule.type == "counter" or (rule.type == "histogram" and rule.buckets[0] >= 0)
    return "0.0" if grows else repr(-LARGEST)

"""Rules as generated Python: one function for all rules that take events of one level and name.

This is the hot path of the service, and the reason for generating: no rule is interpreted per event, and one
dictionary lookup by the raw values of all labels finds the cells of all rules. That dictionary is a cache
only. What is not in it is found by plain code (`Feed.filler`), and it may be emptied at any time.

In Python ``1 == True == 1.0``, so only text, int and None are keys as they are; others become text first.
That guard stands only at fields in which something else than text was ever seen: `EntryCache` learns them.

Exemplars are taken once a second and bucket (`tick`). Each one kept is memory gone cold, and to exchange it
for every event would cost as much as the counting.

The generated function of a counter looks like this::

    def take(e, received, tick):
        l_http_response_status_code = e.http_response_status_code
        l_service = e.service
        try:
            if (k := l_http_response_status_code.__class__) is not int and k is not str and ...:
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

from collections.abc import Callable, Sequence
from typing import Any, Final, Literal

from logweir_service.event import Event
from logweir_service.rules.expression import FAULTS, SCOPE

from .entries import EntryCache
from .feed import Feed
from .instances import grown, keep, seconds
from .series import Cell
from .source import LARGEST, Source
from .tally import SkipReason, Tally
from .text import text_of

Take = Callable[[Event, float, object], None]
"""Takes an event, the time it was received, and an object that is another one every second."""

_NAN: Final = float("nan")


def compile_take(feeds: Sequence[tuple[Feed, str | None]], cache: EntryCache, tally: Tally) -> Take:
    """Make the function that applies rules to one event; beside each stands the source of its condition."""
    source = Source(feeds, cache.guarded)
    entries, remember = cache.program(source.keys, len(feeds))
    scope: dict[str, Any] = {
        **SCOPE,
        "FAULTS": FAULTS,
        "entries": entries,
        "grown": grown,
        "keep": keep,
        "level": _level,
        "mark": _mark,
        "number": _number,
        "remember": remember,
        "seconds": seconds,
        "text_of": text_of,
    }
    for index, (feed, _) in enumerate(feeds):
        metric = feed.metric
        scope[f"fill{index}"] = feed.filler(index)
        scope[f"skip{index}"] = _skipper(feed.rule.name, tally)
        if metric.pairs is not None:
            scope[f"pair{index}"] = metric.pairs.take
        if metric.once is not None:
            scope[f"first{index}"] = metric.once.is_first
    exec(compile(source.text(), "<rules>", "exec"), scope)  # noqa: S102 - made of checked parts
    take: Take = scope["take"]
    return take


def _mark(cell: Cell, place: int, tick_place: int, event: Event, value: float, tick: object) -> None:
    """Keep an event as the exemplar of a bucket."""
    if event.correlation_id is not None:
        cell[place] = [event.correlation_id, value, seconds(event.timestamp), None]
        cell[tick_place] = tick


def _number(value: Any) -> float:
    """A number as float; NaN, which no range holds, for everything else."""
    if value.__class__ is int:
        try:
            return float(value)
        except OverflowError:
            return _NAN
    return _NAN


def _level(value: Any) -> float:
    """What a gauge is set to: a number, or true and false as 1 and 0."""
    return float(value) if value.__class__ is bool else _number(value)


def _skipper(rule: str, tally: Tally) -> Callable[..., None]:
    def skip(reason: SkipReason | Literal["value"], value: Any = None) -> None:
        tally.skip(rule, _refusal(value) if reason == "value" else reason)

    return skip


def _refusal(value: Any) -> SkipReason:
    """Why a value is not used."""
    if value is None:
        return "missing_value"
    if value.__class__ not in (int, float):
        return "value_type"
    if not -LARGEST <= value <= LARGEST:
        return "not_finite"
    return "negative"

"""What each rule makes of one event by itself, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any, Final

from logweir.fields import EVENT_NAME
from logweir_service.event import Event, attribute
from logweir_service.rules import MetricRule, RuleSet
from logweir_service.rules.asked import outcome, values_of

from .derivation import Derivation
from .feed import single
from .text import glob_pattern

_WHY: Final = {
    "missing_value": "the field of its value is absent or null",
    "value_type": "its value is of a wrong type",
    "not_finite": "its value is beyond what a float holds",
    "negative": "its value is negative, and counters only grow",
    "late": "it was 5 minutes old when it was received",
    "label_type": "a label would be made of a list or a map",
}


@dataclass(frozen=True, slots=True)
class Explanation:
    """What one rule makes of an event that is the first it sees."""

    rule: str
    taken: bool
    why: str
    """In words: what was counted, or why nothing was."""
    reason: str = ""
    """One word for it where it was not taken: event, when, or that of `logweir_rule_skipped_total`."""
    value: float | None = None
    """What is added, set, or observed."""
    labels: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)
    """What was looked at, where that is why it was not taken."""


def explain(rules: Sequence[MetricRule], event: Event, *, received: float) -> Iterator[Explanation]:
    """Say of each rule what it makes of an event, decoded with the fields of all of them.

    It is the derivation itself that is asked, one rule at a time. A rule that takes several fields, told
    apart by a label, is explained for each of them.
    """
    for rule in chain.from_iterable(map(single, rules)):
        if any(_takes(name, event.event) for name in rule.events):
            yield _asked(rule, event, received)
        else:
            yield Explanation(rule.name, False, f"it takes {', '.join(rule.events)}", "event")


def _takes(name: str, event: str) -> bool:
    return name == event if EVENT_NAME.fullmatch(name) else bool(glob_pattern(name).fullmatch(event))


def _asked(rule: MetricRule, event: Event, received: float) -> Explanation:
    alone = Derivation(RuleSet(metrics=(replace(rule, init=()),)))
    alone.apply([event], received)
    for _, reason in alone.skipped:
        return _skipped(rule, event, reason)
    (state,) = alone.dump().metrics
    if state.created:
        labels = dict(zip(state.labels, state.texts, strict=True))
        value = _value(rule, event)
        return Explanation(rule.name, True, _said(rule, event, value), value=value, labels=labels)
    if rule.pair is not None and any(state.pairs or ()):
        key = getattr(event, attribute(rule.pair.key))
        return Explanation(rule.name, True, f"ends what {rule.pair.key} {key} has started", value=-1)
    if rule.when is None or outcome(rule.when, event) != "is false":
        return _skipped(rule, event, "missing_value")  # which is not counted where values are told apart
    looked_at = values_of(rule.when.fields, event)
    return Explanation(rule.name, False, f"`{rule.when.text}` is false", "when", fields=looked_at)


def _skipped(rule: MetricRule, event: Event, reason: str) -> Explanation:
    if reason == "expression" and rule.when is not None:
        looked_at = values_of(rule.when.fields, event)
        return Explanation(rule.name, False, f"`{rule.when.text}` fails", reason, fields=looked_at)
    fields = {name for label in rule.labels for name in label.fields}
    looked_at = values_of(fields if reason == "label_type" else _of_value(rule), event)
    return Explanation(rule.name, False, _WHY[reason], reason, fields=looked_at)


def _of_value(rule: MetricRule) -> frozenset[str]:
    if rule.pair is not None:
        return frozenset({rule.pair.key})
    if rule.distinct is not None:
        return frozenset({rule.distinct.field})
    return frozenset({rule.value.field}) if rule.value is not None else frozenset()


def _value(rule: MetricRule, event: Event) -> float | None:
    if rule.distinct is not None:
        return None
    if rule.value is None:
        return 1
    number: float = float(getattr(event, attribute(rule.value.field)))
    scaled = number * rule.value.multiply if rule.value.multiply != 1.0 else number
    return scaled / rule.value.divide if rule.value.divide != 1.0 else scaled


def _said(rule: MetricRule, event: Event, value: float | None) -> str:
    if rule.pair is not None:
        return f"starts {rule.pair.key} {getattr(event, attribute(rule.pair.key))}: +1 until it ends"
    if rule.distinct is not None:
        return f"tells {rule.distinct.field} {getattr(event, attribute(rule.distinct.field))} apart"
    if rule.value is not None and rule.value.cumulative:
        return f"grows by what is new in {value:g}, the total of its instance"
    once = "" if rule.once is None else f", once for each {rule.once}"
    verb = {"counter": "adds", "gauge": "sets", "histogram": "observes"}[rule.type]
    return f"{verb} {value:g}{once}"

"""Whether an event is promoted, by which rule, and why not by the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from logweir_service.promote.selection import ASKED_FOR, Selection
from logweir_service.rules import PromoteRule
from logweir_service.rules.asked import outcome, values_of


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one promote rule says of an event."""

    rule: str
    taken: bool
    why: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    """What the condition looked at that decided."""


def verdicts(rules: Sequence[PromoteRule], event: Any) -> list[Verdict]:
    """What every rule says of an event, decoded with the fields of a `Selection` of them.

    Of several that take it the first one counts.
    """
    if event.promote is False:
        return [Verdict(rule.name, False, "the event says `promote: false`") for rule in rules]
    chosen = Selection(rules).rule_of(event)
    if chosen is ASKED_FOR:
        return [Verdict(chosen.name, True, "the event says `promote: true`")]
    return [_verdict(rule, event, chosen) for rule in rules]


def _verdict(rule: PromoteRule, event: Any, chosen: PromoteRule | None) -> Verdict:
    if rule is chosen:
        share = f", {rule.sample_rate:.0%} of them" if rule.sample_rate < 1 else ""
        return Verdict(rule.name, True, f"{_grounds(rule, event)}{share}")
    if chosen is not None and rule.takes(event):
        return Verdict(rule.name, False, f"'{chosen.name}' comes first")
    found = outcome(rule.when, event)
    if found != "is true":
        fields = values_of(rule.when.fields, event)
        return Verdict(rule.name, False, f"`{rule.when.text}` {found}", fields)
    assert rule.unless is not None
    fields = values_of(rule.unless.fields, event)
    return Verdict(rule.name, False, f"unless `{rule.unless.text}`, which is true", fields)


def _grounds(rule: PromoteRule, event: Any) -> str:
    return f"`{rule.when.text}` is true" if rule.takes(event) else "the event says `promote: true`"

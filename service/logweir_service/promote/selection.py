"""Which events are promoted, and by which rule."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec

from logweir.fields import LEVELS
from logweir_service.event import StoredEvent, event_type, identity
from logweir_service.promote.members import members
from logweir_service.rules import PromoteRule, compile_predicate

ASKED_FOR: Final = PromoteRule(name="promote", when=compile_predicate("promote is not None"), unless=None)
"""How an event with ``promote: true`` looks where there are no rules."""


class Selection:
    """The promote rules in force, asked for every event that is stored.

    An event's own `promote` comes first: true promotes it whatever its level, false never. Of several rules
    that take an event the first one counts.
    """

    def __init__(self, rules: Sequence[PromoteRule]) -> None:
        self._rules = tuple(rules)
        self._loud = frozenset(
            level
            for level in LEVELS
            if any(rule.when.source({"level": level}) is not False for rule in self._rules)
        )
        self._struct = event_type(self.fields)
        self._decoder = msgspec.json.Decoder(self._struct)

    @property
    def fields(self) -> frozenset[str]:
        """The fields that an event must be decoded with to be asked about."""
        conditions = [rule.when for rule in self._rules]
        conditions += [rule.unless for rule in self._rules if rule.unless is not None]
        return frozenset({"promote"}).union(*(condition.fields for condition in conditions))

    def candidates(self, events: Sequence[Any]) -> list[int]:
        """The places of the events that are promoted, before sampling.

        It runs for every batch on the way to its answer: events of a level that no rule can take cost two
        look-ups each.
        """
        loud = self._loud
        suspects = [
            place for place, event in enumerate(events) if event.level in loud or event.promote is not None
        ]
        return [place for place in suspects if self.rule_of(events[place]) is not None]

    def rule_of(self, event: Any) -> PromoteRule | None:
        """The rule by which `event` is promoted, or None."""
        if event.promote is False:
            return None
        for rule in self._rules:
            if rule.takes(event):
                return rule
        if event.promote is True:
            return self._rules[0] if self._rules else ASKED_FOR
        return None

    def rule_of_line(self, line: bytes) -> PromoteRule | None:
        """The rule by which the event on `line` is promoted; a line that is no event is not."""
        try:
            return self.rule_of(self._decoder.decode(line))
        except ValueError:  # as msgspec's faults are: an odd number, or no event at all
            pass
        try:
            return self.rule_of(msgspec.convert(members(line), self._struct))
        except ValueError:
            return None


def sampled(rule: PromoteRule, *, journal: UUID, lsn: int, index: int) -> bool:
    """Whether the rule's sample holds this event; the same answer each time it is asked."""
    return rule.sample_rate >= 1 or identity(journal, lsn, index).int >> 96 < rule.sample_rate * 2**32


def is_repeat(candidate: StoredEvent, story: Iterable[StoredEvent], selection: Selection) -> bool:
    """Whether an earlier event of the story, promoted too, reports the same exception object.

    One error that is logged at three layers has one `error_id`, and becomes one Sentry event.
    """
    error_id = members(candidate.line).get("error_id")
    if not isinstance(error_id, str) or not error_id:
        return False
    return any(
        (earlier.lsn, earlier.index) < (candidate.lsn, candidate.index)
        and error_id.encode() in earlier.line
        and members(earlier.line).get("error_id") == error_id
        and selection.rule_of_line(earlier.line) is not None
        for earlier in story
    )

"""What would be sent to Sentry, shown without sending it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
import orjson

from logweir_service.event import StoredEvent, event_type
from logweir_service.promote.members import members
from logweir_service.promote.payload import Defaults, sentry_event
from logweir_service.promote.selection import Selection, is_repeat
from logweir_service.promote.story import Story, read, recent
from logweir_service.rules import PromoteRule

NO_JOURNAL: Final = UUID(int=0)
EVENT: Final = event_type(())


class Promotion(NamedTuple):
    """One event that would be sent."""

    rule: PromoteRule
    name: str
    """The event's own."""
    sent: dict[str, Any]
    """The Sentry event; its id is not that of the real journal."""
    breadcrumbs: Sequence[str]
    """The names of the events that it is told with, oldest first."""


class Rehearsal:
    """Promotes the events handed in, without journal and server; samples and rates let all of them pass."""

    def __init__(self, rules: Sequence[PromoteRule], *, defaults: Defaults = Defaults()) -> None:  # noqa: B008 - immutable
        self._selection = Selection(rules)
        self._defaults = defaults
        self._stories: defaultdict[str, list[StoredEvent]] = defaultdict(list)
        self._candidates: list[tuple[StoredEvent, PromoteRule]] = []

    @property
    def chosen(self) -> frozenset[str]:
        """The rules that have promoted something, or would after their grace time."""
        return frozenset(rule.name for _, rule in self._candidates)

    def take(self, event: StoredEvent) -> None:
        """Take the next event of the journal."""
        found_by = members(event.line).get("correlation_id")
        if isinstance(found_by, str) and found_by:
            self._stories[found_by].append(event)
        rule = self._selection.rule_of_line(event.line)
        if rule is not None:
            self._candidates.append((event, rule))

    def promotions(self, now: float = float("inf")) -> Iterator[Promotion]:
        """What is promoted by `now`, in epoch seconds, in the order of the journal.

        An event is promoted when its rule's grace time is over: other services may still add to its story.
        """
        for event, rule in self._candidates:
            until = event.received + rule.breadcrumbs.grace_seconds
            if until > now:
                continue
            found_by = members(event.line).get("correlation_id")
            known = self._stories.get(found_by, []) if isinstance(found_by, str) else []
            story = recent(known, until=until)
            if not is_repeat(event, story, self._selection):
                yield self._promotion(event, rule, story, until)

    def _promotion(
        self, event: StoredEvent, rule: PromoteRule, story: Sequence[StoredEvent], until: float
    ) -> Promotion:
        crumbs = rule.breadcrumbs
        leading = Story(read(event), story, until=until).leading(
            last=crumbs.last, within_seconds=crumbs.within_seconds
        )
        return Promotion(
            rule=rule,
            name=str(members(event.line)["event"]),
            sent=sentry_event(event, journal=NO_JOURNAL, story=story, rule=rule, defaults=self._defaults),
            breadcrumbs=[str(moment.fields["event"]) for moment in leading],
        )


def dry_run(
    lines: Iterable[bytes],
    rules: Sequence[PromoteRule],
    *,
    defaults: Defaults = Defaults(),  # noqa: B008 - immutable
) -> Iterator[dict[str, Any]]:
    """Build the Sentry events of an NDJSON file of events, in its order.

    The other lines of the same correlation id are the story; each event counts as received when it happened.
    The event ids are not those of the real journal.

    Raises:
        ValueError: for a line that is no event; its text names the line.
    """
    rehearsal = Rehearsal(rules, defaults=defaults)
    for number, line in enumerate(lines, 1):
        if (event := _stored(line, number)) is not None:
            rehearsal.take(event)
    for promotion in rehearsal.promotions():
        yield promotion.sent


def envelope_text(event: dict[str, Any]) -> str:
    """A Sentry event as indented JSON, for people."""
    return orjson.dumps(event, option=orjson.OPT_INDENT_2).decode()


def _stored(line: bytes, number: int) -> StoredEvent | None:
    line = line.strip()
    if not line:
        return None
    try:
        msgspec.convert(members(line), EVENT)
        unplaced = StoredEvent(number, 0, 0.0, line)
        return replace(unplaced, received=read(unplaced).at)
    except ValueError as fault:  # msgspec's faults are ValueErrors too
        raise ValueError(f"line {number} is no event: {fault}") from None

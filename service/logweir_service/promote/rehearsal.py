"""What would be sent to Sentry, shown without sending it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """One event that would be sent; what is told of it is made when it is asked for."""

    event: StoredEvent
    rule: PromoteRule
    known: Sequence[StoredEvent]
    """All events of its correlation id."""
    defaults: Defaults

    @property
    def at(self) -> float:
        """When it is sent, in epoch seconds: other services may add to its story until then."""
        return self.event.received + self.rule.breadcrumbs.grace_seconds

    @property
    def name(self) -> str:
        """The event's own."""
        return str(members(self.event.line)["event"])

    @property
    def story(self) -> Iterator[StoredEvent]:
        """What is told with it."""
        yield from recent(self.known, until=self.at)

    def sent(self) -> dict[str, Any]:
        """The Sentry event; its id is not that of the real journal."""
        return sentry_event(
            self.event, journal=NO_JOURNAL, story=self.story, rule=self.rule, defaults=self.defaults
        )

    def breadcrumbs(self) -> Sequence[str]:
        """The names of the events that it is told with, oldest first."""
        limits = self.rule.breadcrumbs
        leading = Story(read(self.event), self.story, until=self.at).leading(
            last=limits.last, within_seconds=limits.within_seconds
        )
        return [str(moment.fields["event"]) for moment in leading]


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
        """What is promoted by `now`, in epoch seconds, in the order of the journal."""
        for event, rule in self._candidates:
            found_by = members(event.line).get("correlation_id")
            known = self._stories.get(found_by, ()) if isinstance(found_by, str) else ()
            promotion = Promotion(event=event, rule=rule, known=known, defaults=self._defaults)
            if promotion.at <= now and not is_repeat(event, promotion.story, self._selection):
                yield promotion


def dry_run(
    lines: Iterable[bytes],
    rules: Sequence[PromoteRule],
    *,
    defaults: Defaults = Defaults(),  # noqa: B008 - immutable
) -> Iterator[dict[str, Any]]:
    """Build the Sentry events of an NDJSON file of events, in its order.

    The other lines of the same correlation id are the story; each event counts as received when it happened.
    One error that several lines tell of is built once. The event ids are not those of the real journal.

    Raises:
        ValueError: for a line that is no event; its text names the line.
    """
    rehearsal = Rehearsal(rules, defaults=defaults)
    for number, line in enumerate(lines, 1):
        if (event := _stored(line, number)) is not None:
            rehearsal.take(event)
    for promotion in rehearsal.promotions():
        yield promotion.sent()


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

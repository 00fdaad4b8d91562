"""What would be sent to Sentry, shown without sending it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

import msgspec
import orjson

from logweir_service.event import StoredEvent, event_type
from logweir_service.promote.members import members
from logweir_service.promote.payload import Defaults, sentry_event
from logweir_service.promote.selection import Selection
from logweir_service.promote.story import read
from logweir_service.rules import PromoteRule

NO_JOURNAL: Final = UUID(int=0)
EVENT: Final = event_type(())


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
    selection = Selection(rules)
    stories: defaultdict[str | None, list[StoredEvent]] = defaultdict(list)
    events = [event for number, line in enumerate(lines, 1) if (event := _stored(line, number))]
    for event in events:
        stories[members(event.line).get("correlation_id")].append(event)
    for event in events:
        if rule := selection.rule_of_line(event.line):
            found_by = members(event.line).get("correlation_id")
            story = stories[found_by] if found_by else []
            yield sentry_event(event, journal=NO_JOURNAL, story=story, rule=rule, defaults=defaults)


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

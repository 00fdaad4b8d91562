"""What happened under one correlation id before an error, in every service."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final, NamedTuple

import orjson

from logweir import fields as vocabulary
from logweir_service.event import StoredEvent
from logweir_service.lenient import read_moment
from logweir_service.promote.members import members
from logweir_service.promote.request import is_request

MAX_EVENTS: Final = 5_000
MAX_BYTES: Final = 20_000_000
"""Of a longer story only the events stored last are held; a Sentry event takes 100 breadcrumbs at most."""

MAX_TEXT: Final = 500
"""Characters of one value in a breadcrumb: it is a hint, the whole event stays in the journal."""

SENTRY_LEVELS: Final = {
    "debug": "debug",
    "info": "info",
    "warning": "warning",
    "error": "error",
    "critical": "fatal",
}

UNTOLD: Final = frozenset(
    """
    event service level timestamp correlation_id message message_template logger environment service_version
    server_name service_instance_id trace_id span_id parent_span_id trace_sampled exception promote tags
    client_address user_agent_original http_request_headers url_query event_id
    """.split()
)
"""Fields that a breadcrumb's data leave out: said elsewhere, too long, or private."""


class Moment(NamedTuple):
    """One event of a story, read."""

    at: float
    """When it happened by its own clock, in seconds since the epoch."""
    stored: StoredEvent
    fields: dict[str, Any]


def place(stored: StoredEvent) -> tuple[int, int]:
    """Where the journal holds an event; ascending in the order of storing."""
    return stored.lsn, stored.index


def read(stored: StoredEvent) -> Moment:
    """Read a stored event; one without a usable timestamp happened when it was received.

    Raises:
        ValueError: the line is no JSON object.
    """
    fields = members(stored.line)
    at = read_moment(fields.get("timestamp"))
    return Moment(stored.received if at is None else at.timestamp(), stored, fields)


def _read_or_none(stored: StoredEvent) -> Moment | None:
    try:
        return read(stored)
    except ValueError:
        return None


def recent(events: Iterable[StoredEvent], *, until: float) -> Sequence[StoredEvent]:
    """The last of `events`, which come in the journal's order, among those received up to `until`.

    What is received later changes nothing of it.
    """
    kept: deque[StoredEvent] = deque()
    size_bytes = 0
    for stored in events:
        if stored.received > until:
            continue
        kept.append(stored)
        size_bytes += len(stored.line)
        while len(kept) > MAX_EVENTS or size_bytes > MAX_BYTES:
            size_bytes -= len(kept.popleft().line)
    return kept


class Story:
    """An error and what else is known of its correlation id, as of a fixed moment.

    Events received after `until` are not part of it, so that the same journal always tells the same story.
    """

    def __init__(self, error: Moment, events: Iterable[StoredEvent], *, until: float) -> None:
        known = [stored for stored in recent(events, until=until) if place(stored) != place(error.stored)]
        others = [moment for stored in known if (moment := _read_or_none(stored))]
        others.sort(key=lambda moment: (moment.at, place(moment.stored)))
        self.error = error
        self.before = [moment for moment in others if moment.at <= error.at]
        self.after = [moment for moment in others if moment.at > error.at]

    def user(self, names: Iterable[tuple[str, str]]) -> dict[str, str]:
        """The user, by pairs of Sentry's name and our field: the error's own, else the newest told before."""
        pairs = tuple(names)
        for moment in (self.error, *reversed(self.before)):
            told = {key: moment.fields.get(field) for key, field in pairs}
            if user := {key: str(value) for key, value in told.items() if value not in (None, "")}:
                return user
        return {}

    def request(self) -> dict[str, Any] | None:
        """The fields that tell of the request in which the error happened, or None.

        The error's own; else the newest before it in its service, or the first after it there, since a
        request is told when it ends; else the newest before it in any service.
        """
        service = self.error.fields.get("service")
        at_home = (
            moment
            for moment in (*reversed(self.before), *self.after)
            if moment.fields.get("service") == service
        )
        tellers = chain([self.error], at_home, reversed(self.before))
        return next((moment.fields for moment in tellers if is_request(moment.fields)), None)

    def leading(self, *, last: int, within_seconds: float) -> list[Moment]:
        """The `last` events in the `within_seconds` before the error, oldest first."""
        recent = [moment for moment in self.before if moment.at >= self.error.at - within_seconds]
        return recent[-last:] if last > 0 else []

    def breadcrumbs(self, *, last: int, within_seconds: float) -> list[dict[str, Any]]:
        """The events of `leading`, as Sentry shows them."""
        return [_breadcrumb(moment) for moment in self.leading(last=last, within_seconds=within_seconds)]


def _breadcrumb(moment: Moment) -> dict[str, Any]:
    fields = moment.fields
    crumb = {
        "timestamp": moment.at,
        "level": SENTRY_LEVELS.get(fields["level"], "info"),
        "category": f"{fields['service']}.{_category(fields)}",
        "message": str(_shortened(fields.get("message") or headline(fields))),
        "type": _kind(fields),
    }
    data = {
        key: _shortened(value) for key, value in fields.items() if key not in UNTOLD and value is not None
    }
    return crumb | ({"data": data} if data else {})


def _category(fields: Mapping[str, Any]) -> str:
    named = fields.get("category") if fields["event"] == vocabulary.BREADCRUMB else None
    return named if isinstance(named, str) and named else str(fields["event"])


def _kind(fields: Mapping[str, Any]) -> str:
    if fields["level"] in vocabulary.ERROR_LEVELS:
        return "error"
    if "http_request_method" in fields:
        return "http"
    return "query" if "db_operation_name" in fields else "default"


def headline(fields: Mapping[str, Any]) -> str:
    """One line for people on an event that brings no message: its name and what is most telling."""
    return " ".join([str(fields["event"]), *_telling(fields)])


def _telling(fields: Mapping[str, Any]) -> Iterator[str]:
    for key in (
        "http_request_method",
        "http_route",
        "http_response_status_code",
        "db_operation_name",
        "db_collection_name",
        "cache_operation",
        "cache_result",
        "peer_service",
        "error_type",
    ):
        if isinstance(value := fields.get(key), str | int):
            yield str(value)


def _shortened(value: object) -> object:
    if isinstance(value, dict | list):
        value = orjson.dumps(value).decode()
    if isinstance(value, str) and len(value) > MAX_TEXT:
        return value[: MAX_TEXT - 1] + "…"
    return value

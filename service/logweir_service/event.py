"""What an event is inside the service: typed where its grammar is fixed, ``Any`` where rules look."""

from __future__ import annotations

import keyword
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, Literal, Protocol, cast
from uuid import UUID, uuid5

import msgspec

_FIXED: Final[dict[str, Any]] = {
    "timestamp": datetime,
    "level": Literal["debug", "info", "warning", "error", "critical"],
    "event": str,
    "service": str,
    "correlation_id": str | None,
}

_WIRE_ORDER: Final = (
    *("timestamp", "level", "event", "service", "environment", "service_version", "server_name"),
    *("service_instance_id", "correlation_id", "parent_span_id", "user_id", "logger"),
    *("http_request_method", "http_route", "url_path", "http_response_status_code"),
    *("db_system_name", "db_operation_name", "db_collection_name", "cache_name", "cache_operation"),
    *("cache_result", "peer_service", "duration_seconds", "outcome", "span_id", "error_type"),
)
"""How shippers order the fields of the most frequent events. The decoder looks for a key from where it found
the last one, so a struct in this order decodes a fifth faster."""


class Event(Protocol):
    """The fields that every stage may read; those asked of `event_type` stand beside them.

    A field that is absent or null is None. `timestamp` is aware: the moment of emission.
    """

    event: str
    service: str
    level: str
    timestamp: datetime
    correlation_id: str | None


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One event as the journal holds it."""

    lsn: int
    """Number of the commit it came with."""
    index: int
    """Its place among the lines of that commit, from 0."""
    received: float
    """When that commit was made, in seconds since the epoch: the only clock that state moves by."""
    line: bytes
    """Its JSON, without a newline."""


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """The lines of one commit, in order."""

    lsn: int
    received: float
    lines: bytes
    """NDJSON; each line ends with a newline, and an empty one keeps the place of one that was removed."""

    def events(self) -> Iterator[StoredEvent]:
        """Its events, in order."""
        for index, line in enumerate(self.lines.split(b"\n")):
            if line:
                yield StoredEvent(self.lsn, index, self.received, line)


def event_type(fields: Iterable[str], typed: Mapping[str, Any] = MappingProxyType({})) -> type[Event]:
    """Make the struct that decodes an event's fixed fields and the `fields` named, and skips all others.

    The fixed fields are typed, because that decodes faster than `Any`; a line that does not fit is judged on
    its own, and so is one that does not fit the optional fields that are `typed`. The fields named are `Any`,
    so that one odd value never refuses its neighbours.
    """
    kinds = {**typed, **_FIXED}
    wanted = {*fields, *kinds}
    first = [name for name in _WIRE_ORDER if name in wanted]
    members: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    for name in (*first, *sorted(wanted.difference(first))):
        kind = kinds.get(name, Any)
        is_required = name in _FIXED and name != "correlation_id"
        members.append((name, kind) if is_required else (attribute(name), kind, None))
    struct = msgspec.defstruct(
        "Event",
        members,
        rename={attribute(name): name for name in wanted if attribute(name) != name},
        kw_only=True,
        gc=False,
    )
    return cast("type[Event]", struct)


def attribute(field: str) -> str:
    """The attribute name under which an event struct holds `field`: ``class`` is held as ``class_``."""
    return f"{field}_" if keyword.iskeyword(field) else field


def identity(journal: UUID, lsn: int, index: int) -> UUID:
    """The identity of a stored event towards everything behind the journal: the same after any restart."""
    return uuid5(journal, f"{lsn}:{index}")


def rfc3339(seconds: float) -> str:
    """Seconds since the epoch as RFC 3339 in UTC with microseconds."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S.%fZ}"

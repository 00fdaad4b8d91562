"""For tests of applications: what was emitted is kept, and asked for by name and fields.

No service is needed. With pytest there is a fixture that does it: ``logweir_events``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import EllipsisType
from typing import Any, Final

import orjson

from logweir import context, process
from logweir.clean import Cleaner
from logweir.encode import OPTIONS

MAX_LISTED: Final = 40
"""Events in the message of a failed test."""
_TOLD_ELSEWHERE: Final = frozenset(
    """
    event level timestamp service environment service_version server_name service_instance_id exception
    """.split()
)


class CapturingSink:
    """Keeps every event: ``sink = CapturingSink(); logweir.configure("shop", to=sink)``.

    `lines` are as they would be sent, `events` are the same decoded.
    """

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def put(self, line: bytes, level: str) -> None:  # noqa: ARG002 - the protocol's; it stands in the line too
        """Keep one event."""
        self.lines.append(line)

    @property
    def events(self) -> list[dict[str, Any]]:
        """All events so far, in order."""
        return [orjson.loads(line) for line in self.lines]

    def named(self, event: str) -> list[dict[str, Any]]:
        """The events of one name."""
        return [each for each in self.events if each["event"] == event]

    def clear(self) -> None:
        """Forget what was kept."""
        self.lines.clear()


class Events:
    """What was emitted, as a test asks for it: ``events.one("order.created", order_id=1)``.

    A field matches where it is equal, as JSON has it: a UUID is its text, a tuple a list. ``...`` matches
    whatever is there, None what is null or absent; ``pytest.approx`` works.
    """

    def __init__(self, sink: CapturingSink) -> None:
        self._sink = sink

    def one(self, event: str | None = None, /, **fields: Any) -> dict[str, Any]:
        """The only event that matches. AssertionError, listing what was emitted, where none or more do."""
        __tracebackhide__ = True
        found = self.all(event, **fields)
        if len(found) != 1:
            number = f"{len(found)} events" if found else "no event"
            raise AssertionError(f"{number} {_told(event, fields)}; {self._listed()}")
        return found[0]

    def all(self, event: str | None = None, /, **fields: Any) -> list[dict[str, Any]]:
        """The events that match, in order; all of them where nothing is asked."""
        wanted = {key: (value, _as_json(key, value)) for key, value in fields.items()}
        return [
            each
            for each in self._sink.events
            if event in (None, each["event"])
            and all(_matches(each, key, *pair) for key, pair in wanted.items())
        ]

    def none(self, event: str | None = None, /, **fields: Any) -> None:
        """AssertionError, listing what was emitted, where any event matches."""
        __tracebackhide__ = True
        if self.all(event, **fields):
            raise AssertionError(f"there should be no event {_told(event, fields)}; {self._listed()}")

    def clear(self) -> None:
        """Forget what was emitted so far."""
        self._sink.clear()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._sink.events)

    def __len__(self) -> int:
        return len(self._sink.lines)

    def __repr__(self) -> str:
        return f"<Events: {self._listed()}>"

    def _listed(self) -> str:
        events = self._sink.events
        if not events:
            return "nothing was emitted"
        lines = [f"  {each['event']} ({each['level']}){_fields(each)}" for each in events[:MAX_LISTED]]
        if len(events) > MAX_LISTED:
            lines.append(f"  ... and {len(events) - MAX_LISTED} more")
        return "emitted were:\n" + "\n".join(lines)


@contextmanager
def captured() -> Iterator[Events]:
    """Keep all events of this process for the time of a ``with`` block, of every level.

    What the block configures counts, except where its events go; samplers do not run. Afterwards the process
    is configured as before, and what the block has bound is forgotten.
    """
    sink = CapturingSink()
    bound = context.current()
    with process.capturing(sink):
        try:
            yield Events(sink)
        finally:
            context.replace(bound)


def _as_json(key: str, value: Any) -> Any:
    """`value` as it stands in a decoded event."""
    if isinstance(value, EllipsisType):
        return value
    for strict in (False, True):
        try:
            line = orjson.dumps(Cleaner(strict=strict).clean({key: value}), None, OPTIONS)
        except TypeError:
            continue
        return next(iter(orjson.loads(line).values()), None)
    return value


def _matches(event: Mapping[str, Any], key: str, value: Any, as_json: Any) -> bool:
    if isinstance(value, EllipsisType):
        return key in event
    found = event.get(key)
    return bool(value == found) or bool(as_json == found)


def _told(event: str | None, fields: Mapping[str, Any]) -> str:
    name = event or "at all"
    return f"{name} with {', '.join(f'{key}={value!r}' for key, value in fields.items())}" if fields else name


def _fields(event: Mapping[str, Any]) -> str:
    told = (f"{key}={value!r}" for key, value in event.items() if key not in _TOLD_ELSEWHERE)
    return "".join(f" {each[:120]}" for each in told)

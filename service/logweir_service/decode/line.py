"""The verdict on one line, taken by itself: slow, exact, and depending on the line's bytes alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from logweir import fields
from logweir_service.event import event_type, rfc3339
from logweir_service.limits import Limits

from .refused import Refused
from .shape import check_shape, too_deep

OLDEST_TIMESTAMP = datetime(2000, 1, 1, tzinfo=UTC)
"""An event from before this moment has a clock that was never set."""

MAX_AHEAD = timedelta(minutes=5)
"""How far a sender's clock may run before ours."""


MAX_EVENT_ID = 128
"""Characters; a longer one is kept like any other field, but identifies nothing."""


class Accepted(NamedTuple):
    """A line as it is stored, and what its commit takes note of."""

    line: bytes
    service: str
    correlation_id: str | None
    event_id: str | None


class Control(NamedTuple):
    """A line by which the sender speaks of its stream."""

    lost: int
    closed: bool


class LineJudge:
    """Takes lines one by one; the reference that the decoder's fast path must agree with."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._members = msgspec.json.Decoder(dict[str, msgspec.Raw])
        self._fixed = msgspec.json.Decoder(event_type(()))

    def judge(self, line: bytes, *, received: float, numbered: bool) -> Accepted | Control:
        """Accept `line` as an event or, in a `numbered` stream, as a control line.

        Raises:
            Refused: with a code that a sender can act upon.
        """
        if len(line) > self._limits.max_event_bytes:
            message = f"the event has {len(line)} bytes, more than {self._limits.max_event_bytes}"
            raise Refused("too_large", message)
        members = self._parse(line)
        if numbered and (control := _control(members)) is not None:
            return control
        kept = {key: raw for key, raw in members.items() if key[:1] != "_" or key in fields.SENDER_KEYS}
        _require(kept, "event", fields.EVENT_NAME)
        service = _require(kept, "service", fields.SERVICE_NAME)
        if _require(kept, "level", None) not in fields.LEVELS:
            raise Refused("invalid_field", f"level must be one of {', '.join(fields.LEVELS)}", field="level")
        correlation_id = _correlation_id(kept)
        plainly = correlation_id is None or _spell_plainly(kept, correlation_id)
        dated = _date(kept, received)
        as_it_came = plainly and not dated and len(kept) == len(members) and self._is_plain(line)
        event_id = None if numbered else _event_id(kept)
        return Accepted(line if as_it_came else _object(kept), service, correlation_id, event_id)

    def _is_plain(self, line: bytes) -> bool:
        """Whether whoever reads the line later finds the same fixed fields, also where a key stands twice."""
        try:
            self._fixed.decode(line)
        except msgspec.ValidationError:
            return False
        return True

    def _parse(self, line: bytes) -> dict[str, msgspec.Raw]:
        try:
            line.decode()
        except UnicodeDecodeError as error:
            raise Refused("invalid_utf8", f"not UTF-8 at byte {error.start}") from None
        try:
            members = self._members.decode(line)
        except RecursionError:
            raise too_deep(self._limits) from None
        except msgspec.ValidationError:
            raise Refused("not_an_object", "an event is a JSON object") from None
        except msgspec.DecodeError as error:
            raise Refused("invalid_json", str(error)) from None
        check_shape(line, self._limits)
        return members


def identifies(event_id: str) -> bool:
    """Whether an `event_id` can tell an event from others."""
    return 0 < len(event_id) <= MAX_EVENT_ID


def well_timed(timestamp: datetime, received: float) -> bool:
    """Whether an event's own clock can be believed."""
    return (
        timestamp.tzinfo is not None
        and OLDEST_TIMESTAMP <= timestamp <= datetime.fromtimestamp(received, UTC) + MAX_AHEAD
    )


def _require(members: dict[str, msgspec.Raw], name: str, grammar: Any) -> str:
    if name not in members or bytes(members[name]) == b"null":
        raise Refused("missing_field", f"{name} is required", field=name)
    try:
        value = msgspec.json.decode(members[name], type=str)
    except msgspec.ValidationError:
        raise Refused("invalid_field", f"{name} must be a string", field=name) from None
    if grammar is not None and not grammar.fullmatch(value):
        raise Refused("invalid_field", f"{name} must match {grammar.pattern}", field=name)
    return value


def _correlation_id(members: dict[str, msgspec.Raw]) -> str | None:
    if bytes(members.get("correlation_id", b"null")) == b"null":
        return None
    return _require(members, "correlation_id", fields.CORRELATION_ID)


def _event_id(members: dict[str, msgspec.Raw]) -> str | None:
    raw = members.get("event_id")
    if raw is None or bytes(raw)[:1] != b'"':
        return None
    event_id = msgspec.json.decode(raw, type=str)
    return event_id if identifies(event_id) else None


def _spell_plainly(members: dict[str, msgspec.Raw], correlation_id: str) -> bool:
    """Rid the correlation id of escapes, so that a search for its bytes finds it; whether it had none."""
    plain = f'"{correlation_id}"'.encode()
    had_none = bytes(members["correlation_id"]) == plain
    members["correlation_id"] = msgspec.Raw(plain)
    return had_none


def _date(members: dict[str, msgspec.Raw], received: float) -> bool:
    """Give an event without a believable timestamp the time of receipt, flag it, and keep what it said."""
    raw = bytes(members.get("timestamp", b"null"))
    try:
        if well_timed(msgspec.json.decode(raw, type=datetime), received):
            return False
    except (msgspec.DecodeError, ValueError):
        pass  # judged like a clock that cannot be believed
    flag = "timestamp_absent" if raw == b"null" else "timestamp_odd"
    if flag == "timestamp_odd":
        members["timestamp_original"] = msgspec.Raw(raw)
    members["timestamp"] = msgspec.Raw(f'"{rfc3339(received)}"'.encode())
    flags = _flags(members.get(fields.FLAGS))
    members[fields.FLAGS] = msgspec.Raw(msgspec.json.encode([*flags, flag]))
    return True


def _flags(raw: msgspec.Raw | None) -> list[str]:
    try:
        return msgspec.json.decode(raw, type=list[str]) if raw is not None else []
    except msgspec.ValidationError:
        return []


def _control(members: dict[str, msgspec.Raw]) -> Control | None:
    if members.keys() == {fields.CLOSED}:
        return Control(lost=0, closed=True)
    if members.keys() != {fields.LOST}:
        return None
    try:
        count = msgspec.json.decode(members[fields.LOST], type=dict[str, int])["count"]
    except (msgspec.ValidationError, KeyError):
        count = 0
    if not 0 < count < 1 << 53:
        raise Refused("invalid_control", '_lost must be {"count": N} with N from 1 on', field=fields.LOST)
    return Control(lost=count, closed=False)


def _object(members: dict[str, msgspec.Raw]) -> bytes:
    """An object of the members, whose values keep their bytes."""
    return b"{%s}" % b",".join(
        b"%s:%s" % (msgspec.json.encode(key), bytes(raw)) for key, raw in members.items()
    )

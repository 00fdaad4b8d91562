"""Bodies to batches: whole bodies at once where every line is plainly canonical, line by line where not.

This is a hot path. One event costs about a microsecond here, which leaves no room for Python code per event:
everything below looks at the whole body in C. What it cannot vouch for goes to `LineJudge`, whose verdicts
are the reference; a property test holds both equal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from operator import attrgetter

import msgspec

from logweir import fields
from logweir_service.errors import Refusal
from logweir_service.event import Event, event_type
from logweir_service.limits import Limits

from .batch import Batch, Lost, Rejection, correlation_ids
from .line import MAX_AHEAD, OLDEST_TIMESTAMP, Control, LineJudge, Refused

_NOT_BRACKETS = bytes(set(range(256)) - set(b"{}[]\n"))
_RESERVED_KEY = re.compile(rb'"_')
"""Where a key may begin with an underscore. For this needle a regular expression is three times as fast as
`in`, and for two alternatives ten times as slow."""

_BYTES_PER_KEY = 5
"""The least that one more key costs: ``"":1,``."""

_ID_CHARACTERS = bytes(code for code in range(128) if fields.CORRELATION_ID.fullmatch(chr(code)))

_events = attrgetter("event")
_services = attrgetter("service")
_timestamps = attrgetter("timestamp")


class Decoder:
    """Decodes bodies into events that hold the fixed fields and the `wanted` ones."""

    def __init__(self, wanted: Iterable[str], limits: Limits) -> None:
        struct = event_type(wanted)
        self._limits = limits
        self._judge = LineJudge(struct, limits)
        self._json = msgspec.json.Decoder(struct)
        self._known_names: set[str] = set()

    def decode(self, body: bytes, *, received: float, numbered: bool) -> Batch:
        """Decode NDJSON; `numbered` says that it belongs to a stream and may hold control lines.

        Raises:
            Refusal: 413, where the body holds more lines than the limits allow.
        """
        if body[-1:] != b"\n":
            body += b"\n"
        return self._canonical(body, received) or self._line_by_line(
            body, received=received, numbered=numbered
        )

    def stored(self, lines: bytes) -> list[Event]:
        """Decode lines that the journal holds, which were judged when they were accepted."""
        try:
            return self._json.decode_lines(lines)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return [self._judge.event(line) for line in lines.split(b"\n")[:-1]]

    def _canonical(self, body: bytes, received: float) -> Batch | None:
        """The batch of a body in which nothing needs a second look, else None."""
        if body[:1] != b"{" or _RESERVED_KEY.search(body) or _has_escapes(body) or not _utf8(body):
            return None
        try:
            events: list[Event] = self._json.decode_lines(body)
            timestamps = [*map(_timestamps, events)]
            well_timed = not events or (
                min(timestamps) >= OLDEST_TIMESTAMP
                and max(timestamps) <= datetime.fromtimestamp(received, UTC) + MAX_AHEAD
            )
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, TypeError):
            return None  # TypeError: a timestamp without an offset compares with none that has one
        ids = correlation_ids(events)
        if (
            well_timed
            and len(events) <= self._limits.max_events
            and self._well_shaped(body, len(events))
            and _well_named(events)
            and _well_formed(ids)
        ):
            return Batch(lines=body, events=events, span=len(events), correlation_ids=ids)
        return None

    def _well_shaped(self, body: bytes, count: int) -> bool:
        """Whether each line is one object within the limits of size, depth and keys.

        A newline between braces can only stand between two objects: inside of one a comma would be missing,
        and in a string it would be escaped.
        """
        longest = min(self._limits.max_event_bytes, self._limits.max_keys * _BYTES_PER_KEY)
        if not _lines_within(body, longest) or body.count(b"}\n{") != count - 1:
            return False
        brackets = body.translate(None, _NOT_BRACKETS)
        if brackets.count(b"\n") != count:
            return False
        deepest = self._limits.max_depth
        return _lines_within(brackets, 2 * deepest) or all(
            shape.count(b"{") + shape.count(b"[") <= deepest for shape in {*brackets.split(b"\n")}
        )

    def _line_by_line(self, body: bytes, *, received: float, numbered: bool) -> Batch:
        if (count := body.count(b"\n")) > self._limits.max_events:
            message = (
                f"{count} lines, more than the {self._limits.max_events} of one body; send smaller batches"
            )
            raise Refusal(413, "too_many_events", message)
        lines: list[bytes] = []
        events: list[Event] = []
        numbers: list[int] = []
        rejections: list[Rejection] = []
        lost: list[Lost] = []
        number = 0
        closed = False
        for index, raw in enumerate(body.split(b"\n")):
            line = raw.strip(b" \t\r")
            if not line:
                continue
            try:
                verdict = self._judge.judge(line, received=received, numbered=numbered)
            except Refused as refused:
                rejections.append(
                    Rejection(index, refused.code, refused.field, refused.message, line, number)
                )
                number += 1
                continue
            if isinstance(verdict, Control):
                closed = closed or verdict.closed
                if verdict.lost:
                    lost.append(Lost(number, verdict.lost))
                number += verdict.lost
                continue
            lines.append(verdict.line)
            events.append(verdict.event)
            numbers.append(number)
            number += 1
        stored = b"".join(line + b"\n" for line in lines)
        return Batch(stored, events, number, correlation_ids(events), numbers, rejections, lost, closed)


def lines_of_array(body: bytes) -> bytes:
    """NDJSON of a JSON array, or of one object, whose elements keep their bytes.

    Raises:
        Refusal: 400, where the body is neither.
    """
    try:
        root = bytes(msgspec.json.decode(body, type=msgspec.Raw))
        elements = msgspec.json.decode(root, type=list[msgspec.Raw]) if root[:1] == b"[" else [root]
        lines = [bytes(element) for element in elements]
        return b"\n".join(msgspec.json.format(line, indent=-1) if b"\n" in line else line for line in lines)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Refusal(400, "invalid_json", f"the body is not JSON: {error}") from None


def _well_named(events: list[Event]) -> bool:
    """Whether event names and services match their grammar."""
    return all(map(fields.EVENT_NAME.fullmatch, {*map(_events, events)})) and all(
        map(fields.SERVICE_NAME.fullmatch, {*map(_services, events)})
    )


def _well_formed(ids: set[str]) -> bool:
    """Whether correlation ids match their grammar, looked at all together."""
    if not ids:
        return True
    strange = "".join(ids).encode().translate(None, _ID_CHARACTERS)
    return not strange and "" not in ids and max(map(len, ids)) <= fields.MAX_CORRELATION_ID


def _has_escapes(body: bytes) -> bool:
    """Whether a key or an id may be spelled with escapes, or a line end with white space.

    The search for one byte is nearly free, that for several is made only where it finds something.
    """
    return b"\r" in body or (b"\\" in body and b"\\u00" in body)


def _utf8(body: bytes) -> bool:
    """Whether the body is strict UTF-8; the decoder does not look at strings that it skips."""
    if body.isascii():
        return True
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _lines_within(body: bytes, limit: int) -> bool:
    """Whether no line is longer than `limit`, found in a few hops instead of line by line."""
    start = 0
    while start < len(body):
        end = body.rfind(b"\n", start, start + limit + 1)
        if end < 0:
            return False
        start = end + 1
    return True

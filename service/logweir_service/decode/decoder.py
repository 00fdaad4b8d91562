"""Bodies to batches: whole stretches at once where every line is plainly canonical, line by line where not.

This is a hot path. One event costs about a microsecond here, which leaves no room for Python code per event:
everything below looks at many lines at once, in C. What it cannot vouch for goes to `LineJudge`, whose
verdicts are the reference; a property test holds both equal.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

import msgspec

from logweir import fields
from logweir_service.errors import Refusal
from logweir_service.event import Event, event_type
from logweir_service.limits import Limits

from .batch import Batch, Lost, Rejection
from .line import MAX_AHEAD, OLDEST_TIMESTAMP, Accepted, Control, LineJudge, Refused
from .stretch import stretches

_NOT_BRACKETS = bytes(set(range(256)) - set(b"{}[]\n"))
_RESERVED_KEY = re.compile(rb'"_')
"""Where a key may begin with an underscore. For this needle a regular expression is three times as fast as
`in`, and for two alternatives ten times as slow."""

_STRAY_NEWLINE = re.compile(rb"\n(?:(?<!\}\n)|[^{])")
"""A newline that does not stand between braces. One that does can only stand between two objects: inside of
one a comma would be missing, and in a string it would be escaped."""

_BYTES_PER_KEY = 5
"""The least that one more key costs: ``"":1,``."""

_ID_CHARACTERS = bytes(code for code in range(128) if fields.CORRELATION_ID.fullmatch(chr(code)))

_names = attrgetter("event")
_services = attrgetter("service")
_timestamps = attrgetter("timestamp")
_correlation_ids = attrgetter("correlation_id")


class Decoder:
    """Takes bodies apart. The verdict on an event depends on its bytes alone, never on the rules in force."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._judge = LineJudge(limits)
        self._json = msgspec.json.Decoder(event_type(()))

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

    def _canonical(self, body: bytes, received: float) -> Batch | None:
        """The batch of a body in which nothing needs a second look, else None."""
        latest = datetime.fromtimestamp(received, UTC) + MAX_AHEAD
        count = 0
        ids: set[Any] = set()
        services: set[str] = set()
        for stretch in stretches(body):
            events = self._events(stretch)
            if events is None or not self._well_shaped(stretch, len(events)):
                return None
            count += len(events)
            if count > self._limits.max_events or not _well_timed(events, latest) or not _well_named(events):
                return None
            services.update(map(_services, events))
            ids.update(map(_correlation_ids, events))
        ids.discard(None)
        if not _well_formed(ids) or not all(map(fields.SERVICE_NAME.fullmatch, services)):
            return None
        return Batch(body, count, count, ids, services)

    def _events(self, stretch: bytes) -> list[Event] | None:
        if (
            stretch[:1] != b"{"
            or _RESERVED_KEY.search(stretch)
            or _has_escapes(stretch)
            or not _is_utf8(stretch)
        ):
            return None
        try:
            return self._json.decode_lines(stretch)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None

    def _well_shaped(self, stretch: bytes, count: int) -> bool:
        """Whether each line is one object within the limits of size, depth and keys."""
        longest = min(self._limits.max_event_bytes, self._limits.max_keys * _BYTES_PER_KEY)
        if not _lines_within(stretch, longest) or _STRAY_NEWLINE.search(stretch):
            return False
        brackets = stretch.translate(None, _NOT_BRACKETS)
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
        gathered = _Gathered()
        for index, raw in enumerate(body.split(b"\n")):
            if line := raw.strip(b" \t\r"):
                try:
                    verdict = self._judge.judge(line, received=received, numbered=numbered)
                except Refused as refused:
                    gathered.refuse(index, line, refused)
                else:
                    gathered.take(verdict)
        return gathered.batch()


class _Gathered:
    """What the verdicts on a body's lines add up to."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []
        self._ids: set[str] = set()
        self._services: set[str] = set()
        self._numbers: list[int] = []
        self._rejections: list[Rejection] = []
        self._lost: list[Lost] = []
        self._span = 0
        self._closed = False

    def refuse(self, index: int, line: bytes, refused: Refused) -> None:
        """Set an event aside; it takes its number all the same."""
        self._rejections.append(
            Rejection(index, refused.code, refused.field, refused.message, line, self._span)
        )
        self._span += 1

    def take(self, verdict: Accepted | Control) -> None:
        """Keep an event, or heed a control line."""
        if isinstance(verdict, Control):
            self._closed = self._closed or verdict.closed
            if verdict.lost:
                self._lost.append(Lost(self._span, verdict.lost))
            self._span += verdict.lost
            return
        self._lines.append(verdict.line + b"\n")
        self._services.add(verdict.service)
        if verdict.correlation_id is not None:
            self._ids.add(verdict.correlation_id)
        self._numbers.append(self._span)
        self._span += 1

    def batch(self) -> Batch:
        """The whole of it."""
        return Batch(
            lines=b"".join(self._lines),
            count=len(self._lines),
            span=self._span,
            correlation_ids=self._ids,
            services=self._services,
            numbers=self._numbers,
            rejections=self._rejections,
            lost=self._lost,
            closed=self._closed,
        )


def _well_timed(events: list[Event], latest: datetime) -> bool:
    """Whether the senders' clocks can be believed."""
    timestamps = [*map(_timestamps, events)]
    try:
        return not events or (min(timestamps) >= OLDEST_TIMESTAMP and max(timestamps) <= latest)
    except TypeError:
        return False  # a timestamp without an offset compares with none that has one


def _well_named(events: list[Event]) -> bool:
    """Whether event names match their grammar."""
    return all(map(fields.EVENT_NAME.fullmatch, {*map(_names, events)}))


def _well_formed(ids: set[str]) -> bool:
    """Whether correlation ids match their grammar, looked at all together."""
    if not ids:
        return True
    strange = "".join(ids).encode().translate(None, _ID_CHARACTERS)
    return not strange and "" not in ids and max(map(len, ids)) <= fields.MAX_CORRELATION_ID


def _has_escapes(stretch: bytes) -> bool:
    """Whether a key or an id may be spelled with escapes, or a line end with white space.

    The search for one byte is nearly free, that for several is made only where it finds something.
    """
    return b"\r" in stretch or (b"\\" in stretch and b"\\u00" in stretch)


def _is_utf8(stretch: bytes) -> bool:
    """Whether it is strict UTF-8; the decoder does not look at strings that it skips."""
    if stretch.isascii():
        return True
    try:
        stretch.decode()
    except UnicodeDecodeError:
        return False
    return True


def _lines_within(lines: bytes, limit: int) -> bool:
    """Whether no line is longer than `limit`, found in a few hops instead of line by line."""
    start = 0
    while start < len(lines):
        end = lines.rfind(b"\n", start, start + limit + 1)
        if end < 0:
            return False
        start = end + 1
    return True

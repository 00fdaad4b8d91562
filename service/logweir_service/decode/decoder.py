"""Bodies to batches: stretches at once where every line is plainly canonical, line by line where not.

This is a hot path. One event costs about a microsecond here, which leaves no room for Python code per event:
everything below looks at many lines at once, in C. What it cannot vouch for goes to `LineJudge`, whose
verdicts are the reference; a property test holds both equal.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from typing import cast

import msgspec

from logweir import fields
from logweir_service.event import Event, event_type
from logweir_service.limits import Limits
from logweir_service.scrub import EXACT_MEMBERS, Scrubber

from .batch import Batch
from .gathered import Canonical, Gathered
from .line import MAX_AHEAD, OLDEST_TIMESTAMP, Accepted, Control, LineJudge, identifies
from .refused import Refused, too_many_events
from .shape import check_shape
from .stored import StoredDecoder
from .stretch import STRETCH_BYTES, stretches

_NOT_BRACKETS = bytes(set(range(256)) - set(b"{}[]\n \t"))
"""What stands neither for structure nor around it."""

_NEIGHBOURS = re.compile(rb"\}[ \t]*\{")
"""Among brackets: two objects of one line, or of an array."""

_RESERVED_KEY = b'"_'
"""How a key may begin that belongs to the service."""

_STRAY_NEWLINE = re.compile(rb"\n(?:(?<!\}\n)|[^{])")
"""A newline that does not stand between braces. One that does can only stand between two objects: inside of
one a comma would be missing, and in a string it would be escaped."""

_ESCAPED_ASCII = re.compile(rb"\\u00[2-7]")
"""An escape for one of the characters that names and ids are made of."""

_LINES_AT_ONCE = 10
"""Lines that are judged one by one between two pauses."""

_EVENT_ID_KEY = b'"event_id"'

_BYTES_PER_KEY = 5
"""The least that one more key costs: ``"":1,``."""

_ID_CHARACTERS = bytes(code for code in range(128) if fields.CORRELATION_ID.fullmatch(chr(code)))

_names = attrgetter("event")
_services = attrgetter("service")
_timestamps = attrgetter("timestamp")
_event_ids = attrgetter("event_id")
_correlation_ids = attrgetter("correlation_id")


class Decoder:
    """Takes bodies apart. The verdict on an event depends on its bytes alone, never on the rules in force."""

    def __init__(self, limits: Limits, scrubber: Scrubber) -> None:
        self._limits = limits
        self._scrubber = scrubber
        self._longest_whole = max(STRETCH_BYTES, limits.max_event_bytes + 1)
        """Beyond it a stretch is a single line that is refused unread."""
        self._judge = LineJudge(limits)
        self._json = msgspec.json.Decoder(event_type(()))
        self._redacted = msgspec.json.Decoder(event_type((), EXACT_MEMBERS))
        self._identified = StoredDecoder(["event_id"])

    def decode(self, body: bytes, *, received: float, numbered: bool, scrubbed: bool = False) -> Batch:
        """Decode NDJSON; `numbered` says that it belongs to a stream and may hold control lines.

        `scrubbed` says that its sender has redacted it. What the batch holds has been in any case.

        Raises:
            Refusal: 413, where the body holds more lines than the limits allow.
        """
        steps = self.steps(body, received=received, numbered=numbered, scrubbed=scrubbed)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return cast("Batch", end.value)

    def steps(
        self, body: bytes, *, received: float, numbered: bool, scrubbed: bool = False
    ) -> Generator[None, None, Batch]:
        """Decode like `decode`, pausing after each piece of at most some milliseconds of work."""
        if body[-1:] != b"\n":
            body += b"\n"
        latest = datetime.fromtimestamp(received, UTC) + MAX_AHEAD
        terms = _Terms(received, numbered, scrubbed, latest)
        gathered = Gathered()
        for stretch in stretches(body):
            canonical = self._canonical(stretch, terms)
            if canonical is not None:
                stored = yield from self._scrubber.lines(stretch, scrubbed=scrubbed)
                event_ids = () if numbered else self._event_ids(stretch)
                gathered.take_all(stored, canonical, event_ids, as_it_came=stored is stretch)
            else:
                yield from self._line_by_line(stretch, gathered, terms)
            if gathered.index > self._limits.max_events:
                raise too_many_events(self._limits)
            yield
        return gathered.batch(body)

    def event_ids(self, lines: bytes) -> Iterator[tuple[str, str]]:
        """Service and `event_id` of the accepted events that have one, as `Batch.event_ids` told them."""
        for stretch in stretches(lines):
            may_have = _EVENT_ID_KEY in stretch or _has_escapes(stretch)
            for events in self._identified.events(stretch) if may_have else ():
                for event, event_id in zip(events, map(_event_ids, events), strict=True):
                    if isinstance(event_id, str) and identifies(event_id):
                        yield event.service, event_id

    def _canonical(self, stretch: bytes, terms: _Terms) -> Canonical | None:
        """What a stretch holds in which nothing needs a second look, else None."""
        if len(stretch) > self._longest_whole:
            return None
        events = self._events(stretch, self._redacted if terms.scrubbed else self._json)
        if (
            events is None
            or not self._well_shaped(stretch, len(events))
            or not _well_timed(events, terms.latest)
        ):
            return None
        services = {*map(_services, events)}
        correlation_ids = [*map(_correlation_ids, events)]
        if None in correlation_ids:
            correlation_ids = [each for each in correlation_ids if each is not None]
        if not _well_named(events, services) or not _well_identified(correlation_ids):
            return None
        return Canonical(events, services, correlation_ids)

    def _events(self, stretch: bytes, decoder: msgspec.json.Decoder[Event]) -> list[Event] | None:
        if (
            stretch[:1] != b"{"
            or stretch.rfind(_RESERVED_KEY) >= 0  # several times as fast as `in`
            or _has_escapes(stretch)
            or not _is_utf8(stretch)
        ):
            return None
        try:
            return decoder.decode_lines(stretch)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None

    def _event_ids(self, stretch: bytes) -> list[object]:
        if _EVENT_ID_KEY not in stretch:
            return []
        return [event_id for some in self._identified.events(stretch) for event_id in map(_event_ids, some)]

    def _well_shaped(self, stretch: bytes, count: int) -> bool:
        """Whether each line is one object within the limits of size, depth and keys."""
        brackets = stretch.translate(None, _NOT_BRACKETS)
        if brackets.count(b"\n") != count:
            return False
        # where no two objects can share a line, each newline ends one, and brackets tell what is beside it
        if _STRAY_NEWLINE.search(stretch if _NEIGHBOURS.search(brackets) else brackets):
            return False
        short = min(self._limits.max_keys * _BYTES_PER_KEY, self._limits.max_event_bytes)
        shallow = 2 * self._limits.max_depth
        if any(_lines_beyond(brackets.translate(None, b" \t"), shallow)):
            return all(map(self._fits, stretch.split(b"\n")))
        return all(map(self._fits, _lines_beyond(stretch, short)))

    def _fits(self, line: bytes) -> bool:
        try:
            check_shape(line, self._limits)
        except Refused:
            return False
        return len(line) <= self._limits.max_event_bytes

    def _line_by_line(self, stretch: bytes, gathered: Gathered, terms: _Terms) -> Generator[None, None, None]:
        one_too_many = self._limits.max_events - gathered.index + 1
        for place, raw in enumerate(stretch.split(b"\n", one_too_many)[:-1], 1):
            if line := raw.strip(b" \t\r"):
                try:
                    verdict = self._judge.judge(line, received=terms.received, numbered=terms.numbered)
                except Refused as refused:
                    gathered.refuse(line, refused)
                else:
                    gathered.take(self._scrubbed(verdict, terms))
            gathered.index += 1
            if place % _LINES_AT_ONCE == 0:
                yield

    def _scrubbed(self, verdict: Accepted | Control, terms: _Terms) -> Accepted | Control:
        if isinstance(verdict, Control):
            return verdict
        return verdict._replace(line=self._scrubber.line(verdict.line, scrubbed=terms.scrubbed))


@dataclass(frozen=True, slots=True)
class _Terms:
    """What is known of a body beside its bytes."""

    received: float
    numbered: bool
    scrubbed: bool
    latest: datetime


def _well_timed(events: list[Event], latest: datetime) -> bool:
    """Whether the senders' clocks can be believed."""
    timestamps = [*map(_timestamps, events)]
    try:
        return not events or (min(timestamps) >= OLDEST_TIMESTAMP and max(timestamps) <= latest)
    except TypeError:
        return False  # a timestamp without an offset compares with none that has one


def _well_named(events: list[Event], services: set[str]) -> bool:
    """Whether names of events and services match their grammar."""
    names = {*map(_names, events)}
    return all(map(fields.EVENT_NAME.fullmatch, names)) and all(map(fields.SERVICE_NAME.fullmatch, services))


def _well_identified(ids: list[str]) -> bool:
    """Whether correlation ids match their grammar, looked at all together."""
    lengths = {*map(len, ids)}
    strange = "".join(ids).encode().translate(None, _ID_CHARACTERS)
    return not strange and 0 not in lengths and max(lengths, default=0) <= fields.MAX_CORRELATION_ID


def _has_escapes(stretch: bytes) -> bool:
    """Whether a key or an id may be spelled with escapes, or a line end with white space.

    The search for one byte is nearly free, that for several is made only where it finds something.
    """
    return b"\r" in stretch or (b"\\" in stretch and _ESCAPED_ASCII.search(stretch) is not None)


def _is_utf8(stretch: bytes) -> bool:
    """Whether it is strict UTF-8; the decoder does not look at strings that it skips."""
    if stretch.isascii():
        return True
    try:
        stretch.decode()
    except UnicodeDecodeError:
        return False
    return True


def _lines_beyond(lines: bytes, limit: int) -> Iterator[bytes]:
    """The lines that are longer than `limit`, found in a few hops instead of line by line."""
    start = 0
    while start < len(lines):
        end = lines.rfind(b"\n", start, start + limit + 1)
        if end < 0:
            end = lines.index(b"\n", start)
            yield lines[start:end]
        start = end + 1

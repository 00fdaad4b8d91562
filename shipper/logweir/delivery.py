"""Delivery: strictly in order, one request in flight, nothing let go of without an answer.

`Delivery` knows no thread and no clock: each call of `step` sends what stands in front and says how long to
wait.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from logweir.encode import MAX_EVENT_BYTES
from logweir.fields import TRUNCATED
from logweir.notices import Notices
from logweir.post import Answer, Post
from logweir.source import Chunk, Source
from logweir.tally import Tally
from logweir.verdict import (
    MAX_DELAY_SECONDS,
    Verdict,
    backoff_seconds,
    judge,
    retry_after_seconds,
)

MAX_BATCH_LINES: Final = 10_000
MAX_BATCH_BYTES: Final = 4_500_000
"""Below the service's 5 MB, so that a body that does not compress fits too."""
USUAL_BATCH_BYTES: Final = 256 * 1024
"""Sent at once where no more waits than usual: the copy holds the interpreter for some 20 us."""
LATE_BYTES_PER_SECOND: Final = 4_000_000
"""Of one stream after an outage, when all others come back too."""
MIN_BATCH_BYTES: Final = MAX_EVENT_BYTES
MIN_COMPRESSED_BYTES: Final = 512
MANY_FAILURES: Final = 16
"""So many that the wait is the longest."""
_STUB_FIELDS: Final = (
    "timestamp",
    "level",
    "event",
    "service",
    "environment",
    "correlation_id",
    "error_type",
)


_DICE: Final = random.SystemRandom()


@dataclass
class Counts:
    """What all deliveries of a process have done."""

    posts: int = 0
    retries: int = 0
    sent: int = 0
    rejected: int = 0
    last_error: str | None = None


class Delivery:
    """Sends the front of one stream. Where `late`, what waits is sent no faster than others can bear."""

    def __init__(
        self,
        source: Source,
        post: Post,
        *,
        tally: Tally,
        notices: Notices,
        backoff: Callable[[int], float] = backoff_seconds,
        counts: Counts | None = None,
        late: bool = False,
    ) -> None:
        self._source = source
        self.counts = counts or Counts()
        self._backoff = backoff
        self._post = post
        self._tally = tally
        self._notices = notices
        self._max_lines = MAX_BATCH_LINES
        self._max_bytes = MAX_BATCH_BYTES
        self._usual_bytes = USUAL_BATCH_BYTES
        self._late = late
        self._compress = True
        self._plain_retry = False
        self._failures = 0
        self._highest_sent = self._replaced = 0
        self.oldest = b""
        """How the first line begins that is not delivered, as of the last step."""

    @property
    def is_failing(self) -> bool:
        """Whether the last answer asked for patience; else a wait only spreads what came late."""
        return self._failures > 0

    def step(self, *, timeout_seconds: float | None = None) -> float:
        """Send the next batch, if there is one, and deal with the answer. Returns the seconds to wait."""
        batch = self._next_batch()
        self.oldest = bytes(batch[0].data[:64]) if batch else b""
        if not batch:
            self._late = False
            return 0.0
        body = b"".join(chunk.data for chunk in batch)
        compress = self._compress and not self._plain_retry and len(body) >= MIN_COMPRESSED_BYTES
        self.counts.posts += 1
        self._highest_sent = max(self._highest_sent, self._source.next_number + _numbers(batch) - 1)
        answer = self._post(
            body,
            stream=self._source.stream,
            seq=self._source.next_number,
            compress=compress,
            timeout_seconds=timeout_seconds,
        )
        verdict = judge(answer.status) if answer.status else Verdict.RETRY
        if verdict is Verdict.STORED and answer.next_seq is None:
            verdict = Verdict.DENIED  # a page, not a receipt: this address is not the service
        if verdict is Verdict.STORED:
            self._stored(batch, answer)
            return self._pace(len(body))
        self.counts.last_error = f"{answer.status or 'no answer'}: {answer.text}"
        if verdict is Verdict.CLONED and self._replaced == self._source.next_number:
            self._let_go(batch)  # no clone: what stood here before was replaced has arrived after all
            return 0.0
        if verdict is Verdict.REFUSED and compress:
            self._plain_retry = True
            self._compress = self._compress and answer.status != 415
            return 0.0
        if verdict is Verdict.CLONED:
            self._source.open_stream()
            self._highest_sent = self._replaced = 0
        elif verdict in (Verdict.TOO_LARGE, Verdict.REFUSED):
            if _lines(batch) > 1:
                self._send_less(batch)
                return 0.0
            if verdict is Verdict.TOO_LARGE and self._shorten(batch):
                return 0.0
            self._give_up(batch, answer)
        return self._wait(verdict, answer)

    def _next_batch(self) -> list[Chunk]:
        """The front of the backlog, cut down to what the service has shown to take."""
        while True:
            most = min(self._max_bytes, self._usual_bytes)
            batch = self._source.front(max_lines=self._max_lines, max_bytes=most)
            lines, size = _lines(batch), sum(chunk.size for chunk in batch)
            if lines <= 1 or len(batch) > 1 or (lines <= self._max_lines and size <= self._max_bytes):
                return batch
            self._source.replace(batch, batch[0].halves())

    def _pace(self, sent_bytes: int) -> float:
        """Let batches grow while more waits; after an outage also wait, for others come back too."""
        if self._source.is_empty():
            self._late = False
            self.oldest = b""
            self._usual_bytes = USUAL_BATCH_BYTES
            return 0.0
        self._usual_bytes = min(2 * self._usual_bytes, MAX_BATCH_BYTES)
        return sent_bytes / LATE_BYTES_PER_SECOND * _DICE.uniform(0.5, 1.5) if self._late else 0.0

    def _wait(self, verdict: Verdict, answer: Answer) -> float:
        self.counts.retries += 1
        self._failures += 1
        if verdict is Verdict.DENIED:
            self._notices.say(
                "denied",
                f"events wait, for the service refuses them; check LOGWEIR_URL and LOGWEIR_TOKEN; "
                f"it answers {self.counts.last_error}",
            )
            return max(MAX_DELAY_SECONDS / 2, self._backoff(MANY_FAILURES))
        if self._failures > 3:
            self._late = True
            self._notices.say(
                "retry", f"events wait until the service takes them; the last try: {self.counts.last_error}"
            )
        if verdict is Verdict.CLONED and self._failures == 1:
            return 0.0
        return max(self._backoff(self._failures - 1), retry_after_seconds(answer.retry_after))

    def _stored(self, batch: Sequence[Chunk], answer: Answer) -> None:
        self._failures = 0
        self._plain_retry = False
        self._max_lines = min(MAX_BATCH_LINES, self._max_lines + self._max_lines // 16 + 1)
        self._max_bytes = min(MAX_BATCH_BYTES, self._max_bytes + self._max_bytes // 16)
        oldest, self.oldest = self.oldest, b""  # who sees that nothing waits finds no age of it either
        self._let_go(batch)
        if not self._source.is_empty():
            self.oldest = oldest
        if answer.rejected:
            self.counts.rejected += answer.rejected
            self._notices.say("rejected", f"the service rejected {answer.rejected} events: {answer.text}")
        while known := self._known_chunk(answer.next_seq or 0):
            self._let_go(known)

    def _known_chunk(self, next_seq: int) -> list[Chunk]:
        """The next chunk, where an earlier request, its answer lost, has brought the whole of it already."""
        if next_seq <= self._source.next_number or next_seq > self._highest_sent + 1:
            return []
        known = next_seq - self._source.next_number
        front = self._source.front(max_lines=known, max_bytes=self._max_bytes)
        if not front or _numbers(front) > known:
            front = self._source.front(max_lines=1, max_bytes=1)
        return front if front and _numbers(front) <= known and not front[0].closes else []

    def _let_go(self, batch: Sequence[Chunk]) -> None:
        self.counts.sent += sum(chunk.numbers for chunk in batch if not chunk.control)
        self._source.release(batch)
        if batch[-1].closes:
            self._highest_sent = self._replaced = 0

    def _send_less(self, batch: Sequence[Chunk]) -> None:
        """Halve what is sent at once."""
        self._max_lines = _lines(batch) // 2
        self._max_bytes = max(sum(chunk.size for chunk in batch) // 2, MIN_BATCH_BYTES)

    def _shorten(self, batch: Sequence[Chunk]) -> bool:
        """Replace a single event that is too large by one that says so; false where it is one already."""
        stub = None if batch[0].control else _stub(batch[0].data)
        if stub is None:
            return False
        self._tally.add("too_large", _level_of(stub))
        self._notices.say("too_large", f"an event of {batch[0].size} bytes was too large for the service")
        self._replace(batch, Chunk(stub, lines=1))
        return True

    def _give_up(self, batch: Sequence[Chunk], answer: Answer) -> None:
        """Count a single line that can never be accepted, and tell the service its number as lost."""
        self._plain_retry = False
        if batch[0].control:
            self._let_go(batch)
            return
        self._tally.add("refused", _level_of(batch[0].data))
        self._notices.say("refused", f"an event was refused for good, {answer.status}: {answer.text}")
        self._replace(batch, Chunk.lost(1))

    def _replace(self, batch: Sequence[Chunk], chunk: Chunk) -> None:
        """Send `chunk` under the numbers of `batch`; an earlier request may have brought that already."""
        self._source.replace(batch, [chunk])
        self._replaced = self._source.next_number


def _numbers(batch: Sequence[Chunk]) -> int:
    return sum(chunk.numbers for chunk in batch)


def _lines(batch: Sequence[Chunk]) -> int:
    return sum(chunk.lines for chunk in batch)


def _level_of(line: bytes | bytearray) -> str:
    return str(_fields_of(line).get("level", "info"))


def _fields_of(line: bytes | bytearray) -> dict[str, Any]:
    try:
        fields = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}
    return fields if isinstance(fields, dict) else {}


def _stub(line: bytes | bytearray) -> bytes | None:
    """An event that stands for one that was too large; None where `line` is such an event already."""
    fields = _fields_of(line)
    if not fields or fields.get(TRUNCATED) == ["*"]:
        return None
    kept = {key: fields[key] for key in _STUB_FIELDS if key in fields}
    note = f"an event of {len(line)} bytes was too large for the service"
    return orjson.dumps({**kept, "message": note, TRUNCATED: ["*"]}, None, orjson.OPT_APPEND_NEWLINE)

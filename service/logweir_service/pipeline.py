"""One event's way: decoded, committed together with its neighbours, counted, noted for search and promotion.

Each stage is visited once, in this order, and only here; the stages do not know each other.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

from .access import EVERY_SERVICE, Grant
from .decode import Batch, Decoder, Rejection, StoredDecoder, Turns
from .derive import Derivation
from .errors import LogweirError, Refusal, StorageBroken
from .event import Event
from .find import ActiveIndex
from .journal import Group, Journal, Located, Placement, Recovery, StreamConflict, StreamPosition, crc32
from .limits import Limits
from .telemetry import Telemetry

_MAX_GROUP_BYTES = 8 << 20
_MAX_GROUP_BATCHES = 256

MAX_SEQ = 1 << 53
"""Numbers of events stay below: beyond it some readers of JSON lose digits."""

_log = logging.getLogger("logweir_service.pipeline")


class Promoter(Protocol):
    """What the pipeline tells promotion, which reads the journal itself."""

    def count(self, events: Sequence[Event]) -> int:
        """How many of the events are to be promoted."""

    def committed(self, lsn: int, candidates: int) -> None:
        """Commit `lsn` is durable and holds this number of them; told for every commit, in order."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A body as the ingest door hands it on."""

    body: bytes
    """NDJSON, decompressed; its last line ends like the others, so that a retry has the same checksum."""
    stream: str | None = None
    seq: int | None = None
    """The number of its first event, where it belongs to a stream."""
    grant: Grant = EVERY_SERVICE
    scrubbed: bool = False
    """The sender says that it has redacted secrets."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a body; the three counts add up to its events."""

    accepted: int
    duplicate: int
    rejections: Sequence[Rejection]
    next_seq: int | None


@dataclass(slots=True)
class _Waiting:
    """A decoded body that waits for its commit."""

    delivery: Delivery
    batch: Batch
    body_crc32: int
    answer: asyncio.Future[Receipt]


@dataclass(slots=True)
class _Staged:
    """A body in the group that is being written."""

    waiting: _Waiting
    fresh: Batch
    placement: Placement
    lsn: int
    receipt: Receipt


@dataclass(slots=True)
class Pipeline:
    """Joins the stages. `recover` first, then `run` beside any number of `submit`."""

    journal: Journal
    decoder: Decoder
    stored: StoredDecoder
    derivation: Derivation
    index: ActiveIndex
    promoter: Promoter
    telemetry: Telemetry
    limits: Limits
    clock: Callable[[], float] = time.time
    broken: StorageBroken | None = None
    """Set when nothing can be made durable any more: the service must stop."""
    on_broken: Callable[[], None] = lambda: None
    """Called once when that happens."""
    _waiting: list[_Waiting] = field(default_factory=list)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _pending_bytes: int = 0
    _draining: bool = False
    _turns: Turns = field(default_factory=Turns)
    _writer: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "journal"))

    def recover(self) -> Recovery:
        """Rebuild the numbers, marks and index from the journal."""
        recovery = self.journal.recover(self._replay)
        self.telemetry.torn_tail_bytes.inc(recovery.torn_tail_bytes)
        self.telemetry.damaged_segments.inc(len(recovery.damaged))
        return recovery

    async def submit(self, delivery: Delivery) -> Receipt:
        """Take a body in; returns when its events are durable and counted.

        Raises:
            Refusal: nothing of it was stored.
        """
        self._admit(len(delivery.body))
        self._pending_bytes += len(delivery.body)
        try:
            return await self._take(delivery)
        finally:
            self._pending_bytes -= len(delivery.body)

    async def _take(self, delivery: Delivery) -> Receipt:
        numbered = delivery.stream is not None
        steps = self.decoder.steps(
            delivery.body, received=self.clock(), numbered=numbered, scrubbed=delivery.scrubbed
        )
        batch = await self._turns.take(steps)
        if delivery.seq is not None and delivery.seq + batch.span > MAX_SEQ:
            raise Refusal(400, "invalid_identity", "the body's numbers go beyond 2^53 - 1")
        _check_grant(delivery.grant, batch.services)
        body_crc32 = crc32(delivery.body) if numbered or batch.lines is delivery.body else 0
        self.telemetry.received_bytes.inc(len(delivery.body))
        waiting = _Waiting(delivery, batch, body_crc32, asyncio.get_running_loop().create_future())
        self._check_storage()  # which may have broken since, and then nobody commits any more
        self._waiting.append(waiting)
        self._wake.set()
        return await waiting.answer

    async def run(self) -> None:
        """Commit group after group until `drain` is called and nothing waits any more."""
        while self.broken is None:
            if not self._waiting:
                if self._draining:
                    return
                self._wake.clear()
                await self._wake.wait()
                continue
            group = self._next_group()
            try:
                await self._commit(group)
            except Exception as fault:  # noqa: BLE001 - to go on would leave senders without answers
                _log.exception("a group of batches could not be taken to its end")
                self._break(group, StorageBroken(f"a fault of the service's own: {fault!r}; start it again"))

    def drain(self) -> None:
        """Let `run` end once all that waits is committed."""
        self._draining = True
        self._wake.set()

    def close(self) -> None:
        """Release the journal; after `run` has ended."""
        self._writer.shutdown()
        self.journal.close()

    def expose(self, *, openmetrics: bool) -> bytes:
        """Everything that a scrape gets: the derived series, then the service's own."""
        return self.derivation.expose(openmetrics=openmetrics) + self.telemetry.expose(
            openmetrics=openmetrics
        )

    def _check_storage(self) -> None:
        if self.broken is not None:
            raise Refusal(503, "storage_error", str(self.broken), retry_after_seconds=5)

    def _admit(self, size: int) -> None:
        self._check_storage()
        if self._pending_bytes + size > self.limits.max_pending_bytes:
            raise Refusal(503, "overloaded", "too much waits for the disk", retry_after_seconds=1)

    def _next_group(self) -> list[_Waiting]:
        size = count = 0
        for waiting in self._waiting[:_MAX_GROUP_BATCHES]:
            if count and size + len(waiting.batch.lines) > _MAX_GROUP_BYTES:
                break
            size += len(waiting.batch.lines)
            count += 1
        group, self._waiting = self._waiting[:count], self._waiting[count:]
        return group

    async def _commit(self, bodies: list[_Waiting]) -> None:
        group = self.journal.begin(round(self.clock(), 6))  # as precise as a commit line
        staged = [each for waiting in bodies if (each := self._stage(group, waiting)) is not None]
        if not staged:
            return
        started = time.perf_counter()
        try:
            if group.commits:
                await asyncio.get_running_loop().run_in_executor(self._writer, self.journal.write, group)
                self.telemetry.commit_seconds.observe(time.perf_counter() - started)
                self.journal.settle(group)
        except Refusal as refusal:
            self.telemetry.write_errors.inc()
            for waiting in bodies:
                _answer(waiting, refusal)
            return
        except StorageBroken as error:
            self.telemetry.write_errors.inc()
            self._break(bodies, error)
            return
        self._apply(group, staged)

    def _stage(self, group: Group, waiting: _Waiting) -> _Staged | None:
        """Put what is new of a body into the group."""
        delivery, batch = waiting.delivery, waiting.batch
        placement, position = Placement(), None
        if delivery.stream is not None and delivery.seq is not None:
            try:
                placement = self.journal.place(
                    group, delivery.stream, seq=delivery.seq, span=batch.span, body_crc32=waiting.body_crc32
                )
            except StreamConflict:
                self.telemetry.conflicts.inc()
                message = "this stream already has other events under these numbers: open a new stream"
                _answer(waiting, Refusal(409, "stream_conflict", message))
                return None
            position = StreamPosition(
                delivery.stream, delivery.seq, delivery.seq + batch.span, waiting.body_crc32, batch.closed
            )
        fresh = batch.after(placement.known)
        lsn = 0
        if self._is_news(group, fresh, placement, position):
            same = fresh.lines is delivery.body
            lines_crc32 = waiting.body_crc32 if same else crc32(fresh.lines)
            lsn = self.journal.append(
                group, fresh.lines, count=fresh.count, lines_crc32=lines_crc32, position=position
            ).lsn
        duplicate = batch.count + len(batch.rejections) - fresh.count - len(fresh.rejections)
        next_seq = self.journal.next_seq(group, position.stream) if position else None
        receipt = Receipt(fresh.count, duplicate, fresh.rejections, next_seq)
        return _Staged(waiting, fresh, placement, lsn, receipt)

    def _is_news(
        self, group: Group, fresh: Batch, placement: Placement, position: StreamPosition | None
    ) -> bool:
        """Whether a commit is needed: events, or numbers taken, or the end of a stream."""
        if position is None:
            return fresh.count > 0
        return placement.known < fresh.span or (
            fresh.closed and not self.journal.closed(group, position.stream)
        )

    def _apply(self, group: Group, staged: list[_Staged]) -> None:
        """Count what is durable now, make it findable, and answer."""
        places = group.places()
        for each in staged:
            if each.lsn:
                candidates = self._derive(each.fresh.lines, group.received)
                offset = places[each.lsn - group.first_lsn]
                self.index.note(group.segment_first_lsn, offset, each.fresh.correlation_ids)
                self.promoter.committed(each.lsn, candidates)
            self._count(each)
            _answer(each.waiting, each.receipt)

    def _derive(self, lines: bytes, received: float) -> int:
        """Count durable events; returns how many are to be promoted.

        They are decoded once more, for the fields of the rules, and a few at a time: to keep what was decoded
        for the verdict until it is durable would cost more, in memory gone cold.
        """
        candidates = 0
        for events in self.stored.events(lines):
            self.derivation.apply(events, received)
            candidates += self.promoter.count(events)
        return candidates

    def _count(self, staged: _Staged) -> None:
        telemetry, receipt = self.telemetry, staged.receipt
        telemetry.commits.inc(staged.lsn > 0)
        telemetry.accepted.inc(receipt.accepted)
        telemetry.duplicate.inc(receipt.duplicate)
        for rejection in receipt.rejections:
            telemetry.rejected.labels(rejection.code).inc()
        if staged.fresh.lost_count:
            telemetry.lost.labels("dropped_by_sender").inc(staged.fresh.lost_count)
        if staged.placement.hole and staged.lsn:
            telemetry.lost.labels("never_sent").inc(staged.placement.hole)
        telemetry.joined_late.inc(staged.placement.joined_late and staged.lsn > 0)

    def _break(self, group: list[_Waiting], error: StorageBroken) -> None:
        """Refuse all that waits, and everything that comes: only a new start can tell what is durable."""
        self.broken = error
        left, self._waiting = self._waiting, []
        refusal = Refusal(503, "storage_error", str(error), retry_after_seconds=5)
        for waiting in (*group, *left):
            _answer(waiting, refusal)
        self.on_broken()

    def _replay(self, located: Located, segment_first_lsn: int) -> None:
        ids: set[str | None] = set()
        for events in self.stored.events(located.lines):
            self.derivation.apply(events, located.commit.received)
            ids.update(event.correlation_id for event in events)
        self.index.note(segment_first_lsn, located.offset, {each for each in ids if each is not None})


def _check_grant(grant: Grant, services: Set[str]) -> None:
    if grant is EVERY_SERVICE:
        return
    for service in services:
        if not grant.covers(service):
            message = f"this token does not speak for service {service}; see LOGWEIR_INGEST_TOKENS"
            raise Refusal(403, "service_not_allowed", message)


def _answer(waiting: _Waiting, result: Receipt | LogweirError) -> None:
    """Answer the sender, unless it has hung up meanwhile."""
    if waiting.answer.done():
        return
    if isinstance(result, Receipt):
        waiting.answer.set_result(result)
    else:
        waiting.answer.set_exception(result)

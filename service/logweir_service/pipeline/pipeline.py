"""One event's way: decoded, committed together with its neighbours, counted, noted for search and promotion.

Each stage is visited once, in this order, and only here; the stages do not know each other.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from logweir_service.dead import DeadLetters, NewLetter
from logweir_service.decode import Decoder, Turns
from logweir_service.errors import Refusal, StorageBroken
from logweir_service.event import Event
from logweir_service.find import ActiveIndex
from logweir_service.journal import Group, Journal, StreamConflict, crc32
from logweir_service.limits import Limits
from logweir_service.rules import RuleSet
from logweir_service.telemetry import Telemetry

from .delivery import MAX_SEQ, Delivery, Receipt
from .keeper import Keeper
from .lag import Lag
from .moments import Moments
from .numbers import Counting, Numbers
from .recovery import Resumed, Start
from .saving import Saving
from .scrapes import Scrapes, Writing, written
from .staging import Staged, Waiting, check_grant, conflict, stage
from .switching import Changed, Switching
from .taking import Taking

_MAX_GROUP_BYTES = 8 << 20
_MAX_GROUP_BATCHES = 256

_OF_ERRORS = frozenset({"error", "critical"})

_TICK_SECONDS = 1.0
"""How often it is asked whether a checkpoint is due while nothing comes in."""

_log = logging.getLogger("logweir_service.pipeline")


class Promoter(Protocol):
    """What the pipeline tells promotion, which reads the journal itself."""

    def count(self, events: Sequence[Event]) -> int:
        """How many of the events are to be promoted."""

    def committed(self, lsn: int, candidates: int) -> None:
        """Commit `lsn` is durable and holds this number of them; told for every commit, in order."""


@dataclass(slots=True)
class Pipeline:
    """Joins the stages. `recover` first, then `run` beside any number of `submit`, then `close`."""

    journal: Journal
    decoder: Decoder
    counting: Counting
    numbers: Numbers
    """What the rules of today make of events; empty until `recover` has returned."""
    index: ActiveIndex
    promoter: Promoter
    dead: DeadLetters
    keeper: Keeper
    telemetry: Telemetry
    limits: Limits
    clock: Callable[[], float] = time.time
    lag: Lag = field(default_factory=Lag)
    resumed: Resumed | None = None
    """Where `recover` has found the service to stand; None until then."""
    broken: StorageBroken | None = None
    """Set when nothing can be made durable any more: the service must stop."""
    on_broken: Callable[[], None] = lambda: None
    """Called once when that happens."""
    saving: Saving = field(init=False)
    scrapes: Scrapes = field(init=False)
    _waiting: list[Waiting] = field(default_factory=list)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _pending_bytes: int = 0
    _draining: bool = False
    _moments: Moments = field(default_factory=Moments)
    _switching: Switching = field(default_factory=Switching)
    _taking: Taking = field(default_factory=Taking)
    _decoding: Turns = field(default_factory=Turns)
    _applying: Turns = field(default_factory=Turns)
    _writer: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "journal"))

    def __post_init__(self) -> None:
        self.saving = Saving(self.journal, self.keeper, self.telemetry)
        self.scrapes = Scrapes(self.look, self._moments)

    def recover(
        self, rules: RuleSet, *, reset_counters: bool = False, stopping: Callable[[], bool] = lambda: False
    ) -> Resumed:
        """Bring everything to where it stood when the last process ended; blocks, on any thread.

        Raises:
            RecoveryStopped: before the end, as `stopping` said; there is nothing but `close` to do.
            UnknownFormat: another version wrote the folder.
            StorageBroken: what a crash or the disk has left cannot be mended.
        """
        start = Start(
            self.journal,
            self.keeper.checkpoints,
            self.decoder,
            self.counting,
            note=self.index.note,
            stopping=stopping,
        )
        try:
            resumed = start(rules, reset_counters=reset_counters)
            self.numbers = resumed.numbers
            self.telemetry.recovered(resumed.journal, unusable_checkpoints=len(resumed.unusable))
            self.saving.begin(resumed)
        except OSError as fault:
            raise StorageBroken(
                f"{self.journal.folder.path} cannot be recovered: {fault}; "
                "mend the disk or make room on it, then start again"
            ) from fault
        self.resumed = resumed
        return resumed

    @contextmanager
    def receiving(self) -> Iterator[Callable[[int], None]]:
        """Count a body in the making as pending: what is handed to the yielded call, until the context ends.

        That call raises `Refusal` where there is no more room, or nothing can be taken at all.
        """
        held = 0

        def take(size: int) -> None:
            nonlocal held
            self._admit(size)
            self._pending_bytes += size
            held += size

        try:
            yield take
        finally:
            self._pending_bytes -= held

    async def submit(self, delivery: Delivery) -> Receipt:
        """Take a body in; returns when its events are durable and counted.

        Raises:
            Refusal: nothing of it was stored.
        """
        with self.receiving() as take:
            take(len(delivery.body))
            return await self._take(delivery)

    async def run(self) -> None:
        """Commit group after group until `drain` is called and nothing waits any more."""
        self._tick()
        while self.broken is None:
            group: list[Waiting] = []
            try:
                if self.keeper.broken is not None:
                    raise self.keeper.broken
                if self._switching:
                    self.numbers = await self._switching.next(self.numbers, self.saving)
                    continue
                self.saving.soon(self.numbers)
                if not self._waiting:
                    if self._draining:
                        break
                    self._wake.clear()
                    await self._wake.wait()
                    continue
                group = self._next_group()
                await self._commit(group)
            except StorageBroken as broken:
                self._break(group, broken)
            except OSError as fault:
                path = fault.filename or self.journal.folder.path
                told = f"{path}: {fault.strerror or fault}; check the disk, then start the service again"
                self._break(group, StorageBroken(told))
            except Exception as fault:  # noqa: BLE001 - to go on would leave senders without answers
                _log.exception("a group of batches could not be taken to its end")
                self._break(group, StorageBroken(f"a fault of the service's own: {fault!r}; start it again"))

    def refuse(self, why: str) -> None:
        """Log at once that no events are taken, as the first of them would have it logged."""
        self._taking.refused(why)

    async def switch(self, numbers: Numbers, *, with_it: Callable[[], None] = lambda: None) -> Changed:
        """Count with other numbers from the next group on; returns when that is so.

        `numbers` stand at nothing, and go on where those of rules that count the same stand. `with_it` is
        called in between, for others that must go over at the same moment.

        Raises:
            OSError: nothing was changed, since no checkpoint could be written.
            Refusal: nothing is counted any more.
        """
        if self._draining:
            raise Refusal(503, "stopping", "the service is stopping")
        self._check_storage()
        answer = self._switching.ask(numbers, with_it)
        self._wake.set()
        return await answer

    def drain(self) -> None:
        """Let `run` end once all that waits is committed."""
        self._draining = True
        self._wake.set()

    def close(self) -> None:
        """Save the state where `run` came to its end, and release the journal."""
        if self.resumed is not None and self.broken is None:
            self.saving.end(self.numbers)
        self.keeper.close()
        self._writer.shutdown()
        self.dead.close()
        started = self.resumed is not None
        self.journal.close(in_order=self.broken is None and (started or not self.journal.folder.killed_pid))

    def look(self, *, openmetrics: bool) -> Writing:
        """See what a scrape shows now: the derived series, then the service's own. The steps write it."""
        view = self.numbers.derivation.view(openmetrics=openmetrics, now=self.clock())
        return written(view, self.telemetry.expose(openmetrics=openmetrics))

    def series(self) -> int:
        """How many derived series there are."""
        return self.numbers.derivation.series

    async def _take(self, delivery: Delivery) -> Receipt:
        numbered = delivery.stream is not None
        steps = self.decoder.steps(
            delivery.body, received=self.clock(), numbered=numbered, scrubbed=delivery.scrubbed
        )
        batch = await self._decoding.take(steps)
        if delivery.seq is not None and delivery.seq + batch.span > MAX_SEQ:
            raise Refusal(400, "invalid_identity", "the body's numbers go beyond 2^53 - 1")
        check_grant(delivery.grant, batch.services)
        body_crc32 = crc32(delivery.body) if numbered or batch.lines is delivery.body else 0
        self.telemetry.received_bytes.inc(len(delivery.body))
        waiting = Waiting(delivery, batch, body_crc32, asyncio.get_running_loop().create_future())
        self._check_storage()  # which may have broken since, and then nobody commits any more
        self._waiting.append(waiting)
        self._wake.set()
        return await waiting.answer

    def _tick(self) -> None:
        """Let `run` look up once a second."""
        self._wake.set()
        if self.broken is None and not self._draining:
            asyncio.get_running_loop().call_later(_TICK_SECONDS, self._tick)

    def _check_storage(self) -> None:
        if self.broken is not None:
            raise Refusal(503, "storage_error", str(self.broken), retry_after_seconds=5)

    def _admit(self, size: int) -> None:
        self._check_storage()
        if self.resumed is None:
            raise Refusal(503, "starting", "the journal is being read; try again soon", retry_after_seconds=3)
        if self._pending_bytes + size > self.limits.max_pending_bytes:
            raise Refusal(
                503, "overloaded", "too much waits for the disk, or is on its way in", retry_after_seconds=3
            )

    def _next_group(self) -> list[Waiting]:
        size = count = 0
        for waiting in self._waiting[:_MAX_GROUP_BATCHES]:
            if count and size + len(waiting.batch.lines) > _MAX_GROUP_BYTES:
                break
            size += len(waiting.batch.lines)
            count += 1
        group, self._waiting = self._waiting[:count], self._waiting[count:]
        return group

    async def _commit(self, bodies: list[Waiting]) -> None:
        group = self.journal.begin(round(self.clock(), 6))  # as precise as a commit line
        staged = self._stage(group, bodies)
        letters = [letter for each in staged for letter in each.letters()]
        try:
            if group.commits or letters:
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(self._writer, self._write, group, letters)
        except Refusal as refusal:
            self._taking.refused(refusal.message)
            for waiting in bodies:
                waiting.reply(refusal)
            return
        except StorageBroken as error:
            self._break(bodies, error)
            return
        if group.commits:
            self._taking.took()
            self.journal.settle(group)
            self.keeper.note(sum(map(len, group.buffers)))
        with self._moments.counting() as between_batches:
            await self._applying.take(self._apply(group, staged, between_batches))

    def _stage(self, group: Group, bodies: list[Waiting]) -> list[Staged]:
        """Put what is new of the bodies into the group; those of a cloned stream are answered at once."""
        staged = []
        for waiting in bodies:
            try:
                staged.append(stage(self.journal, group, waiting))
            except StreamConflict:
                self.telemetry.conflicts.inc()
                waiting.reply(conflict(waiting))
        return staged

    def _write(self, group: Group, letters: Sequence[NewLetter]) -> None:
        """Make the group durable, and what was refused of it; on the writer's thread.

        The letters first: a body is not sent again once its numbers are taken. But not those of a group for
        which there is no room: it is sent again and again.
        """
        if group.commits:
            self.keeper.space.require()
        if letters:
            self.dead.write(letters, received=group.received)
        if group.commits:
            started = time.perf_counter()
            with self.telemetry.write_errors.count_exceptions((Refusal, StorageBroken)):
                self.journal.write(group)
            self.telemetry.commit_seconds.observe(time.perf_counter() - started)

    def _apply(
        self, group: Group, staged: list[Staged], between_batches: Callable[[], None]
    ) -> Generator[None, None, None]:
        """Count what is durable now, make it findable, and answer; pausing, so that others get their turn.

        Events are decoded once more, for the fields of the rules, and a few at a time: to keep what was
        decoded for the verdict until it is durable would cost more, in memory gone cold.
        """
        places = group.places()
        for each in staged:
            if each.lsn:
                candidates, newest = 0, float("inf")
                position = group.commits[each.lsn - group.first_lsn].position
                for events in self.numbers.derive(each.fresh.lines, group.received, position):
                    if events:
                        candidates += self.promoter.count(events)
                        newest = min(newest, self.lag.take(events, group.received))
                        self.telemetry.errors.inc(sum(event.level in _OF_ERRORS for event in events))
                    yield
                if each.fresh.count:
                    self.lag.heard(each.fresh.services, lag=newest, received=group.received)
                offset = places[each.lsn - group.first_lsn]
                self.index.note(group.segment_first_lsn, offset, each.fresh.correlation_ids)
                self.promoter.committed(each.lsn, candidates)
            self._count(each)
            each.waiting.reply(each.receipt)
            between_batches()

    def _count(self, staged: Staged) -> None:
        telemetry, receipt = self.telemetry, staged.receipt
        telemetry.commits.inc(staged.lsn > 0)
        telemetry.accepted.inc(receipt.accepted)
        telemetry.duplicate.inc(receipt.duplicate)
        for rejection in receipt.rejections:
            telemetry.rejected.labels(rejection.code).inc()

    def _break(self, group: list[Waiting], error: StorageBroken) -> None:
        """Refuse all that waits, and everything that comes: only a new start can tell what is durable."""
        self.broken = error
        left, self._waiting = self._waiting, []
        refusal = Refusal(503, "storage_error", str(error), retry_after_seconds=5)
        for waiting in (*group, *left):
            waiting.reply(refusal)
        self._switching.refuse(refusal)
        self.on_broken()

"""HTTP as a transport: a bounded queue, in memory or on disk, and one thread that posts it.

The thread is started by the first event, never at exit and never in a forked child that has nothing to say.
It collects for up to 200 ms after an event, sleeps while there is none, and ends when the stream is closed.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from queue import Empty, SimpleQueue
from typing import Any, Final

from logweir.backlog import Backlog
from logweir.delivery import Counts, Delivery
from logweir.fork import after_fork_in_child
from logweir.notices import Notices
from logweir.post import HttpPost, Post
from logweir.source import Put, Queue, Source
from logweir.spool.place import Plan
from logweir.spool.spool import Spool
from logweir.tally import Tally
from logweir.verdict import MAX_DELAY_SECONDS, backoff_seconds

DEFAULT_QUEUE_BYTES: Final = 64 * 1024 * 1024
COLLECT_SECONDS: Final = 0.2
FLUSH_POLL_SECONDS: Final = 0.005
REPORT_SECONDS: Final = 60.0
_TIMESTAMP: Final = re.compile(rb'\{"timestamp":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z)"')
THREAD_NAME: Final = "logweir-sender"


class _ThisThread(threading.local):
    posting = False


_this_thread: Final = _ThisThread()


def is_posting() -> bool:
    """Whether this thread is posting events just now, so that what it logs must not become events."""
    return _this_thread.posting


@dataclass
class Lane:
    """A stream, how it is delivered, and when it is its turn again."""

    source: Source
    delivery: Delivery
    again_at: float = 0.0


class HttpTransport:
    """Sends events to the service at `url`. `put` queues one, and never waits."""

    def __init__(  # noqa: PLR0913 - each is what a test or another front must choose
        self,
        url: str,
        *,
        token: str | None = None,
        max_queue_bytes: int = DEFAULT_QUEUE_BYTES,
        make_post: Callable[[], Post] | None = None,
        backoff: Callable[[int], float] = backoff_seconds,
        notices: Notices | None = None,
        plan: Plan | None = None,
        report: Callable[[], None] = lambda: None,
        report_seconds: float = REPORT_SECONDS,
    ) -> None:
        self._notices = notices or Notices()
        self._tally = Tally()
        self._report = report
        self._report_seconds = report_seconds
        self._make_post = make_post or (lambda: HttpPost(url, token=token))
        self._backoff = backoff
        self._backlog: Queue = (
            Spool(plan, tally=self._tally, wake=self._wake, moved=self._begin_again, notices=self._notices)
            if plan
            else Backlog(
                max_bytes=max_queue_bytes, tally=self._tally, wake=self._wake, moved=self._begin_again
            )
        )
        self.put: Put = self._backlog.put
        self._begin()
        after_fork_in_child(self._begin_again)

    def _begin(self) -> None:
        """A new incarnation: no thread, no socket, no stream yet."""
        self._thread: threading.Thread | None = None
        self._post: Post | None = None
        self._lanes: dict[Source, Lane] = {}
        self._counts = Counts()
        self._report_at = time.monotonic() + self._report_seconds
        self._signals: SimpleQueue[None] = SimpleQueue()
        self._sending = threading.Lock()
        self._urgent = self._retry_now = self._closing = self._exiting = False

    def _begin_again(self) -> None:
        """What a forked child does: its parent sends what was queued, under the parent's stream."""
        self._tally = Tally()
        self._backlog.reset(self._tally)
        self._begin()

    def flush(self, timeout_seconds: float) -> bool:
        """Wait until all events put so far are acknowledged; False where the time ran out."""
        self._backlog.look_around()
        goal = self._backlog.accepted
        return self._wait_until(lambda: self._backlog.released >= goal, timeout_seconds)

    def close(self, timeout_seconds: float) -> bool:
        """Flush and end the stream with a control line. An event put later opens a new one."""
        self._backlog.look_around()
        if not self._backlog.is_open:
            return True
        self._backlog.close_stream()
        self._closing = True
        return self._wait_until(self._backlog.is_empty, timeout_seconds)

    def close_at_exit(self, timeout_seconds: float) -> bool:
        """Close while the interpreter shuts down, when no thread may be started any more."""
        self._exiting = True
        return self.close(timeout_seconds)

    def stats(self) -> dict[str, Any]:
        """What became of the events so far."""
        self._backlog.look_around()
        queue, counts = self._backlog, self._counts
        return {
            "transport": "http",
            "emitted": queue.accepted,
            "sent": counts.sent,
            "rejected": counts.rejected,
            "queued": queue.queued,
            "queued_bytes": queue.used_bytes,
            "spool_bytes": queue.used_bytes if isinstance(queue, Spool) else 0,
            "oldest_unsent_age_seconds": self._oldest_age(),
            "dropped": self._tally.by_reason(),
            "posts": counts.posts,
            "retries": counts.retries,
            "last_error": counts.last_error,
        }

    def _oldest_age(self) -> float:
        """Since the event that waits longest was made, as far as the sender has looked; 0 for none."""
        ages = [
            time.time() - datetime.fromisoformat(found[1].decode()).timestamp()
            for lane in tuple(self._lanes.values())
            if (found := _TIMESTAMP.match(lane.delivery.oldest))
        ]
        return max([0.0, *ages])

    def wait_for_room(self) -> None:
        """Block until half of the queue is free: for a reader that can wait, such as a pipe's."""
        while self._backlog.free_share < 0.5:
            time.sleep(FLUSH_POLL_SECONDS)

    def _wake(self) -> None:
        """Called in `put`, where a signal may re-enter anything: `SimpleQueue.put` allows that."""
        self._signals.put(None)
        if self._thread is None and not self._exiting and _may_start_threads():
            self._start()

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name=THREAD_NAME, daemon=True)
        self._thread = thread
        try:
            thread.start()
        except RuntimeError as fault:  # no thread can be started: out of threads, or the interpreter ends
            self._thread = None
            self._notices.say("thread", f"the sender thread could not be started: {fault}")

    def _run(self) -> None:
        while True:
            due_at = time.monotonic() + self._upkeep()
            if self._backlog.sleep_if_empty(self._end_if_closing):
                if self._thread is not threading.current_thread():
                    with self._sending:  # another thread may have begun already
                        self._backlog.let_go_of_adopted()
                    return
                self._rest(due_at)
            else:
                self._work(due_at)

    def _rest(self, due_at: float) -> None:
        """Nothing of this process waits; perhaps something that a dead one has left."""
        again_at = time.monotonic() + self._send(self._backlog.adopted) if self._backlog.adopted else due_at
        _wait(self._signals, min(again_at, due_at))

    def _work(self, due_at: float) -> None:
        """Collect what comes, and send."""
        signals = self._signals
        collected_at = time.monotonic() + COLLECT_SECONDS
        while not (self._urgent or self._closing or self._backlog.has_full_chunk()):
            if not _wait(signals, collected_at):
                break
        self._urgent = False
        own = time.monotonic() + self._send(self._backlog.sources())
        if self._backlog.adopted:
            own = min(own, time.monotonic() + self._send(self._backlog.adopted))
        again_at = min(own, due_at)
        while not self._retry_now and _wait(signals, again_at):
            if self._urgent and not self._is_failing():
                break
        if self._retry_now:
            self._retry_now = False
            for lane in self._lanes.values():
                lane.again_at = 0.0

    def _end_if_closing(self) -> None:
        """Called while no event can be put: the next one finds either a thread that waits, or none."""
        if self._closing:
            self._closing = False
            self._thread = None

    def _send(self, sources: Sequence[Source], *, timeout_seconds: float | None = None) -> float:
        """One request for the first stream whose turn it is; returns the seconds until the next one's.

        The thread and a flush at exit take turns; a flush in the midst of one, by a signal handler, gives up.
        """
        if not self._sending.acquire(timeout=-1 if timeout_seconds is None else timeout_seconds):
            return 0.0
        _this_thread.posting = True
        try:
            return self._step(sources, timeout_seconds)
        except Exception as fault:  # noqa: BLE001 - a thread that died would keep all later events unsent
            self._notices.say(
                "sender", f"sending failed, and is tried again: {type(fault).__name__}: {fault}"
            )
            return MAX_DELAY_SECONDS
        finally:
            _this_thread.posting = False
            self._sending.release()

    def _step(self, sources: Sequence[Source], timeout_seconds: float | None) -> float:
        self._backlog.sync()
        now = time.monotonic()
        lanes = [self._lane(source) for source in sources]
        for lane in lanes:
            if lane.again_at <= now or timeout_seconds is not None:
                lane.again_at = time.monotonic() + lane.delivery.step(timeout_seconds=timeout_seconds)
                if lane.source.is_empty():
                    self._finish(lane)
                break
        return max(0.0, min((lane.again_at for lane in lanes), default=0.0) - time.monotonic())

    def _lane(self, source: Source) -> Lane:
        if source not in self._lanes:
            if self._post is None:
                self._post = self._make_post()
            delivery = Delivery(
                source,
                self._post,
                counts=self._counts,
                tally=self._tally,
                notices=self._notices,
                backoff=self._backoff,
                late=source in self._backlog.adopted,
            )
            self._lanes[source] = Lane(source, delivery)
        return self._lanes[source]

    def _finish(self, lane: Lane) -> None:
        if self._backlog.finish(lane.source):
            del self._lanes[lane.source]

    def _is_failing(self) -> bool:
        return any(lane.delivery.is_failing for lane in self._lanes.values())

    def _upkeep(self) -> float:
        """What is due from time to time; returns the seconds until it is due again."""
        left = self._report_at - time.monotonic()
        if left <= 0:
            self._report_at += self._report_seconds - min(0.0, left + self._report_seconds)
            left = self._report_seconds
            self._report()
        with self._sending:
            try:
                left = min(left, self._backlog.upkeep())
                self._lanes = {each: lane for each, lane in self._lanes.items() if self._backlog.has(each)}
                return left
            except Exception as fault:  # noqa: BLE001 - see _send
                self._notices.say("upkeep", f"the spool cannot be kept up: {type(fault).__name__}: {fault}")
                return MAX_DELAY_SECONDS

    def _wait_until(self, done: Callable[[], bool], timeout_seconds: float) -> bool:
        deadline = time.monotonic() + timeout_seconds
        self._retry_now = True
        self._signals.put(None)
        while not done():
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return False
            self._urgent = True
            thread = self._thread
            if thread is None or not thread.is_alive():
                pause = self._send(self._backlog.sources(), timeout_seconds=remaining)
                time.sleep(min(pause, max(0.0, deadline - time.monotonic())))
            else:
                self._signals.put(None)
                time.sleep(FLUSH_POLL_SECONDS)
        return True


def _may_start_threads() -> bool:
    """Whether the interpreter does not end yet: it waits for threads that are no daemons."""
    here = threading.current_thread()
    return threading.main_thread().is_alive() or not (here is threading.main_thread() or here.daemon)


def _wait(signals: SimpleQueue[None], deadline: float) -> bool:
    """Wait for a signal; False once the deadline is over."""
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        return False
    try:
        signals.get(timeout=remaining)
    except Empty:
        return False
    return True

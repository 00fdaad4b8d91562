"""The queue stays whole, whatever a finaliser or a signal handler does in the midst of a change."""

from __future__ import annotations

import contextlib
import sys
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest

from logweir import backlog as backlog_module
from logweir.backlog import Backlog
from logweir.source import Chunk
from logweir.tally import Tally

LINE = b'{"event":"a.b"}\n'


class Interrupted(Exception):
    """Raised by a signal handler."""


class Calls:
    """A `wake` that counts."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


def backlog(*, max_bytes: int = 1 << 20, wake: Callable[[], None] = lambda: None) -> Backlog:
    return Backlog(max_bytes=max_bytes, tally=Tally(), wake=wake)


def take_all(queue: Backlog) -> list[bytes]:
    """All lines, as a sender would take them."""
    lines: list[bytes] = []
    while batch := queue.front(max_lines=1000, max_bytes=1 << 20):
        lines += [line for chunk in batch for line in bytes(chunk.data).splitlines(keepends=True)]
        queue.release(batch)
    return lines


class Putting(deque[Chunk]):
    """The sealed chunks, with a finaliser that puts an event whenever they change."""

    def __init__(self, queue: Backlog, chunks: deque[Chunk]) -> None:
        super().__init__(chunks)
        self.queue = queue
        self.puts = 0

    def _finalise(self) -> None:
        if self.puts < 5:
            self.puts += 1
            self.queue.put(LINE, "info")

    def append(self, chunk: Chunk) -> None:
        self._finalise()
        super().append(chunk)
        self._finalise()

    def popleft(self) -> Chunk:
        self._finalise()
        return super().popleft()


def front(queue: Backlog) -> None:
    queue.front(max_lines=1000, max_bytes=1 << 20)


def release(queue: Backlog) -> None:
    queue.release(queue.front(max_lines=1000, max_bytes=1 << 20))


def replace(queue: Backlog) -> None:
    batch = queue.front(max_lines=1000, max_bytes=1 << 20)
    queue.replace(batch, batch[0].halves())


@pytest.mark.parametrize("change", [front, release, replace, Backlog.close_stream])
def test_an_event_made_in_the_midst_of_a_change_is_kept_and_counted_once(
    change: Callable[[Backlog], Any],
) -> None:
    queue = backlog()
    for _ in range(3):
        queue.put(LINE, "info")
    finaliser = queue._sealed = Putting(queue, queue._sealed)
    change(queue)
    finaliser.puts = 5
    events = take_all(queue).count(LINE)
    assert queue.accepted == queue.released
    assert queue.queued == queue.used_bytes == 0
    assert queue.is_empty()
    assert queue.accepted > 3
    assert events == queue.accepted - (3 if change is release else 0)


def test_an_event_made_while_the_sender_falls_asleep_wakes_it() -> None:
    wake = Calls()
    queue = backlog(wake=wake)
    assert queue.sleep_if_empty(lambda: queue.put(LINE, "info"))
    assert wake.count == 1
    assert take_all(queue) == [LINE]


@pytest.mark.parametrize("calls", range(20))
def test_a_signal_handler_that_raises_in_put_leaves_nothing_waiting_for_ever(calls: int) -> None:
    """A handler runs where Python calls or returns, so that is where this one raises, at one place each."""
    queue = backlog()
    left = iter(range(calls))

    def interrupt(frame: Any, event: str, argument: Any) -> None:
        if frame.f_code.co_filename == backlog_module.__file__ and next(left, None) is None:
            sys.setprofile(None)
            raise Interrupted

    with contextlib.suppress(Interrupted):
        sys.setprofile(interrupt)
        queue.put(LINE, "info")
    sys.setprofile(None)
    queue.put(LINE, "info")
    assert take_all(queue) in ([LINE], [LINE, LINE])
    assert queue.accepted == queue.released
    assert queue.used_bytes == 0
    assert queue.is_empty()


def test_an_event_whose_append_was_interrupted_is_counted_with_its_chunk() -> None:
    queue = backlog()
    queue.put(LINE, "info")
    queue._open += LINE
    queue.put(LINE, "info")
    assert take_all(queue) == [LINE] * 3
    assert queue.accepted == queue.released == 3

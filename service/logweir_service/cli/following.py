"""What is stored of a story after it was looked up, in a folder or in a running service."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence

from logweir_service.event import StoredEvent
from logweir_service.find import Dropped, Found, Query
from logweir_service.journal import DataFolder

from .tail import followed
from .watched import watched

News = Iterator[Sequence[StoredEvent]]
"""What is new, in steps; it has no end."""


def news_of_folder(folder: DataFolder, kind: str | None, value: str) -> News:
    """What another process stores in a folder from this call on."""
    return _in_steps(followed(folder, Query(where=_condition(kind, value))))


def news_of_service(url: str, kind: str | None, value: str, *, token: str) -> News:
    """What a service stores from this call on.

    Raises:
        LookUpFailed: it cannot be asked.
    """
    arrivals = _Arrivals(
        lambda reached: watched(url, "", _condition(kind, value), token=token, reached=reached)
    )
    arrivals.wait()
    return arrivals.steps()


def _condition(kind: str | None, value: str) -> str:
    """Whether an event has this id, in the language of rules; of a trace where none is named."""
    if kind is None or kind == "trace_id":
        return f"correlation_id == {value!r} or trace_id == {value!r}"
    return f"{kind} == {value!r}"


def _in_steps(told: Iterator[Found | Dropped]) -> News:
    for each in told:
        yield _stored(each)


def _stored(told: Found | Dropped) -> list[StoredEvent]:
    if isinstance(told, Dropped):
        return []  # of other stories, as one story never comes too fast
    return [StoredEvent(told.place.lsn, told.place.index, 0.0, told.line)]


class _Arrivals:
    """Takes in what arrives while somebody else is busy, in a thread that ends with the process."""

    def __init__(self, arriving: Callable[[Callable[[], None]], Iterator[Found | Dropped]]) -> None:
        self._queue: queue.SimpleQueue[Found | Dropped | Exception] = queue.SimpleQueue()
        self._arriving = arriving
        self._begun = threading.Event()
        self._fault: Exception | None = None
        threading.Thread(target=self._take, daemon=True).start()

    def wait(self) -> None:
        """Wait until nothing is missed any more."""
        self._begun.wait()
        if self._fault is not None:
            raise self._fault

    def steps(self) -> News:
        """What has arrived, and what will."""
        while True:
            events = _taken(self._queue.get())
            while not self._queue.empty():
                events += _taken(self._queue.get())
            yield events

    def _take(self) -> None:
        try:
            for each in self._arriving(self._begun.set):
                self._queue.put(each)
        except Exception as fault:  # noqa: BLE001 - raised where it can be told
            self._fault = fault
            self._queue.put(fault)
        self._begun.set()


def _taken(arrived: Found | Dropped | Exception) -> list[StoredEvent]:
    if isinstance(arrived, Exception):
        raise arrived
    return _stored(arrived)

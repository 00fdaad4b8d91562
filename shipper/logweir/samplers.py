"""What is told at intervals rather than when something happens: load, the machine, health, and your own.

One daemon thread for all of a process's samplers. The first event starts it, also in a forked child; `close`
ends it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable
from contextvars import Context
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final, Protocol, runtime_checkable

from logweir.notices import Notices

THREAD_NAME: Final = "logweir-samplers"
LOAD_SECONDS: Final = 10.0
SYSTEM_SECONDS: Final = 15.0
MIN_SECONDS: Final = 0.01
MAX_WAIT_SECONDS: Final = 0.25
"""For a sample that is being taken when all ends."""


@runtime_checkable
class Sampler(Protocol):
    """Something that is asked every `seconds` seconds to emit what it sees."""

    @property
    def seconds(self) -> float:
        """The interval."""

    def sample(self) -> None:
        """Emit what there is to tell now. What it raises is told on standard error, and it is asked again."""


@dataclass(frozen=True)
class Every:
    """Calls a function of yours: ``Every(30, report_pool)``, which emits, for example, a ``db.pool``."""

    seconds: float
    function: Callable[[], Any]

    def sample(self) -> None:
        """Call it."""
        self.function()


@dataclass(frozen=True, kw_only=True)
class Load:
    """``http.load``: how many requests the middlewares of this process are serving.

    `queue_depth` tells how many wait to be served, where a server knows.
    """

    queue_depth: Callable[[], int] | None = None
    seconds: float = LOAD_SECONDS

    def sample(self) -> None:
        """Emit one ``http.load``."""
        from logweir.process import emit  # noqa: PLC0415 - the settings know this module's names
        from logweir.request import in_progress  # noqa: PLC0415

        fields: dict[str, Any] = {"http_requests_in_progress": in_progress()}
        try:
            if self.queue_depth is not None:
                fields["http_queue_depth"] = self.queue_depth()
        finally:
            emit("http.load", **fields)


def chosen(given: Iterable[str | Sampler]) -> tuple[Sampler, ...]:
    """The samplers that ``"load"``, ``"system"``, ``"load,system"`` or objects name, else ValueError."""
    if isinstance(given, str):
        given = given.replace(",", " ").split()
    return tuple(_chosen(each) for each in given)


def _chosen(given: str | Sampler) -> Sampler:
    if given == "load":
        return Load()
    if given == "system":
        from logweir.system import System  # noqa: PLC0415 - it needs an extra

        return System()
    if isinstance(given, str) or not isinstance(given, Sampler):
        raise ValueError(
            f"samplers: {given!r} is none of 'load', 'system', or an object with seconds and sample()"
        )
    if not given.seconds >= MIN_SECONDS:
        raise ValueError(
            f"samplers: {given!r} says {given.seconds!r} seconds, and at least {MIN_SECONDS} are needed"
        )
    return given


class Samplers:
    """The samplers of one process and their thread."""

    def __init__(self, samplers: Collection[Sampler], *, notices: Notices) -> None:
        self._samplers = samplers
        self._notices = notices
        self._ended: threading.Event | None = None
        self._thread: threading.Thread | None = None

    def __bool__(self) -> bool:
        return bool(self._samplers)

    def start(self) -> None:
        """Start the thread, unless it runs. Never in a process that is about to end."""
        if self._ended is not None or not self._samplers or not threading.main_thread().is_alive():
            return
        self._ended = ended = threading.Event()
        thread = threading.Thread(
            target=Context().run, args=(self._run, ended), name=THREAD_NAME, daemon=True
        )
        try:
            thread.start()
            self._thread = thread
        except RuntimeError as fault:  # out of threads, or the interpreter ends
            self._notices.say("samplers", f"the samplers' thread could not be started: {fault}")

    def stop(self, timeout_seconds: float) -> None:
        """End the thread, and wait a moment for the sample that it is taking. `start` begins anew."""
        ended, thread = self._ended, self._thread
        self.forget()
        if ended is not None:
            ended.set()
        if thread is not None and not is_sampling():
            thread.join(min(max(0.0, timeout_seconds), MAX_WAIT_SECONDS))

    def forget(self) -> None:
        """What a forked child does: the thread is its parent's."""
        self._ended = self._thread = None

    def _run(self, ended: threading.Event) -> None:
        due = {id(sampler): monotonic() for sampler in self._samplers}
        while not ended.wait(max(0.0, min(due.values()) - monotonic())):
            for sampler in self._samplers:
                now = monotonic()
                if due[id(sampler)] <= now and not ended.is_set():
                    self._sample(sampler)
                    due[id(sampler)] = _next(due[id(sampler)], sampler.seconds, now=monotonic())

    def _sample(self, sampler: Sampler) -> None:
        try:
            sampler.sample()
        except Exception as fault:  # noqa: BLE001 - one sampler's fault is not the others'
            name = type(sampler).__name__
            self._notices.say(
                f"sampler {name}", f"a sample was not taken: {name}: {type(fault).__name__}: {fault}"
            )


def _next(due: float, seconds: float, *, now: float) -> float:
    """When to sample again; what was missed is not made up for, so that a slow sampler leaves pauses."""
    return due + seconds if due + seconds > now else now + seconds


def is_sampling() -> bool:
    """Whether this is a samplers' thread."""
    return threading.current_thread().name == THREAD_NAME

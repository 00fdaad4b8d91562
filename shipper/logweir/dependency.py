"""One thing that an application depends on: how it is checked, and what comes of a check that hangs.

A check is called in a thread of its own, and whoever waits for it waits no longer than it is given. While one
hangs no other of the same dependency is begun, so that not even a probe a second fills the process with
threads.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable
from concurrent import futures
from concurrent.futures import Future
from contextlib import suppress
from contextvars import Context
from dataclasses import dataclass
from time import monotonic, perf_counter
from typing import Any

from logweir.fork import after_fork_in_child
from logweir.process import emit

Check = Callable[[], Any | Awaitable[Any]]
_Outcome = tuple[float, str | None]
"""The seconds that a check took, and the class of what it raised."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a check found."""

    dependency: str
    critical: bool
    latency_seconds: float
    error_type: str | None

    @property
    def healthy(self) -> bool:
        """Whether the dependency answered as it should."""
        return self.error_type is None

    def told(self) -> dict[str, Any]:
        """What a route tells of it: no more than the class of an error."""
        told = {"healthy": self.healthy, "critical": self.critical, "latency_seconds": self.latency_seconds}
        return told if self.healthy else {**told, "error_type": self.error_type}


class Run:
    """A check that was begun, for all who wait for it."""

    def __init__(self, dependency: Dependency, outcome: Future[_Outcome], *, timeout_seconds: float) -> None:
        self.outcome = outcome
        self.result: Result | None = None
        self.ended = 0.0
        self._dependency = dependency
        self._started = monotonic()
        self._timeout_seconds = timeout_seconds
        self._lock = threading.Lock()

    def wait(self) -> Result:
        """The result; the check has failed where it is not there in time."""
        try:
            return self._settle(*self.outcome.result(self._remaining()))
        except TimeoutError:
            return self._settle(monotonic() - self._started, TimeoutError.__name__)

    async def wait_async(self) -> Result:
        """The same without holding up the event loop."""
        waiting = asyncio.wrap_future(self.outcome)
        await asyncio.wait([waiting], timeout=self._remaining())
        if waiting.done():
            return self._settle(*waiting.result())
        return self._settle(monotonic() - self._started, TimeoutError.__name__)

    def _remaining(self) -> float:
        return max(0.0, self._started + self._timeout_seconds - monotonic())

    def _settle(self, seconds: float, error_type: str | None) -> Result:
        """Keep the first result that anybody has found, and tell it."""
        with self._lock:
            if self.result is not None:
                return self.result
            self.result = Result(
                dependency=self._dependency.name,
                critical=self._dependency.critical,
                latency_seconds=round(seconds, 7),
                error_type=error_type,
            )
            self.ended = monotonic()
        self._dependency.tell(self.result)
        return self.result


class Dependency:
    """Something that is checked by calling `check`; healthy unless that raises, returns False, or hangs."""

    def __init__(self, name: str, check: Check, *, timeout_seconds: float, critical: bool) -> None:
        self.name = name
        self.critical = critical
        self._check = check
        self._timeout_seconds = timeout_seconds
        self._loop: asyncio.AbstractEventLoop | None = None
        self._forget()
        after_fork_in_child(self._forget)
        with suppress(RuntimeError):
            self._loop = asyncio.get_running_loop()

    def _forget(self) -> None:
        """What a forked child does too: a check that was running runs in its parent."""
        self._lock = threading.Lock()
        self._run: Run | None = None

    def runs_in(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let an async check run in `loop`, where the application's connections belong."""
        self._loop = loop

    def begin(self, *, fresh_seconds: float) -> Run:
        """The check that runs now, or a result at most `fresh_seconds` old, else a check begun now."""
        with self._lock:
            last = self._run
            if last is not None and (last.result is None or monotonic() - last.ended < fresh_seconds):
                return last
            if last is not None and not last.outcome.done():
                self._run = Run(self, last.outcome, timeout_seconds=0.0)  # it hangs still
            else:
                self._run = Run(self, self._start(), timeout_seconds=self._timeout_seconds)
            return self._run

    def tell(self, result: Result) -> None:
        """Emit a ``health.check``."""
        fields = {
            "dependency": self.name,
            "healthy": result.healthy,
            "duration_seconds": result.latency_seconds,
            "outcome": "success" if result.healthy else "failure",
        }
        if result.error_type is not None:
            fields["error_type"] = result.error_type
        emit("health.check", "info" if result.healthy else "warning", **fields)

    def _start(self) -> Future[_Outcome]:
        outcome: Future[_Outcome] = Future()
        thread = threading.Thread(
            target=Context().run, args=(self._fill, outcome), name=f"logweir-check-{self.name}", daemon=True
        )
        try:
            thread.start()
        except RuntimeError as fault:  # out of threads, or the interpreter ends
            outcome.set_result((0.0, type(fault).__name__))
        return outcome

    def _fill(self, outcome: Future[_Outcome]) -> None:
        started = perf_counter()
        try:
            answer = self._check()
            if inspect.isawaitable(answer):
                answer = self._awaited(answer)
            error = "unhealthy" if answer is False else None
        except BaseException as fault:  # noqa: BLE001 - whatever ends a check, the dependency has not answered
            error = type(fault).__name__
        outcome.set_result((perf_counter() - started, error))

    def _awaited(self, answer: Awaitable[Any]) -> Any:
        waiting = _in_time(answer, self._timeout_seconds)
        loop = self._loop
        if loop is None or not loop.is_running():
            return asyncio.run(waiting)
        try:
            awaited = asyncio.run_coroutine_threadsafe(waiting, loop)
        except RuntimeError:  # it was closed just now
            return asyncio.run(waiting)
        while not awaited.done():
            if not loop.is_running():
                raise TimeoutError
            futures.wait([awaited], self._timeout_seconds)
        return awaited.result()


async def _in_time(answer: Awaitable[Any], timeout_seconds: float) -> Any:
    return await asyncio.wait_for(answer, timeout_seconds)

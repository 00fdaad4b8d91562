"""The owner's side of a job: a child process, its lines, its deadline, its end."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any, Final, TypeVar

import msgspec

from logweir_service.errors import JobFailed, JobLate

AT_ONCE: Final = 2
"""Children that work for people; more would only share the same processors."""

_GRACE_SECONDS: Final = 0.5
"""A child that keeps its time itself can say how far it came; behind this it is ended."""

_CHUNK_BYTES: Final = 1 << 16
_MAX_TOLD: Final = 400

_T = TypeVar("_T")

_log = logging.getLogger("logweir_service.jobs")


def command() -> list[str]:
    """How a child of this process is started; what lies in the working folder is not imported."""
    return [sys.executable, "-P", "-m", "logweir_service.jobs", str(os.getpid())]


class Children:
    """Runs jobs in child processes, so many at once, and leaves none behind."""

    def __init__(self, at_once: int = AT_ONCE, *, start: Callable[[], Sequence[str]] = command) -> None:
        self._places = asyncio.Semaphore(at_once)
        self._start = start
        self._running: set[_Child] = set()
        self._stopping = False

    def stop(self) -> None:
        """Let time run out for those that run, and for those that would: nobody has to wait for an end."""
        self._stopping = True
        for child in self._running:
            child.be_late()

    @asynccontextmanager
    async def run(
        self, job: Mapping[str, Any], *, deadline_seconds: float
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Do ``job["job"]``; the context gives the lines of its answer, and ends the child.

        The wait for a place counts. The child is told in `seconds` what is left for it, and is killed half a
        second later, or at once where the context is left or cancelled. Its lines are read as they are asked
        for.

        Raises:
            JobLate: no place was free in time, or, while lines are read, the child did not end in time.
            JobFailed: while lines are read; it is logged.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + deadline_seconds
        name = str(job["job"])
        try:
            async with asyncio.timeout_at(deadline):
                await self._places.acquire()
        except TimeoutError:
            raise JobLate(f"no place for the job {name!r} was free in time") from None
        if self._stopping:
            self._places.release()
            raise JobLate(f"there is no time for the job {name!r} any more")
        child = _Child(name, self._start())
        told = msgspec.json.encode({**job, "seconds": deadline - loop.time()})
        self._running.add(child)
        try:
            async with aclosing(child.lines(told, deadline=deadline + _GRACE_SECONDS)) as lines:
                yield lines
        finally:
            self._running.discard(child)
            try:
                await child.end()
            finally:
                self._places.release()


class _Child:
    """One child; all that blocks happens in one thread of its own.

    That thread starts the child and outlives it: the kernel kills a child with the thread that started it.
    """

    def __init__(self, name: str, arguments: Sequence[str]) -> None:
        self._name = name
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None
        self._reaped = False
        self._is_late = False
        self._thread = ThreadPoolExecutor(1, f"job-{name}")

    async def lines(self, told: bytes, *, deadline: float) -> AsyncGenerator[bytes, None]:
        """Start it, and give its lines until it has ended in order."""
        try:
            async with asyncio.timeout_at(deadline):
                await self._in_thread(lambda: self._begin(told))
            rest = b""
            while True:
                async with asyncio.timeout_at(deadline):
                    chunk = await self._in_thread(self._read)
                if not chunk:
                    break
                *whole, rest = (rest + chunk).split(b"\n")
                for line in whole:
                    yield line
        except TimeoutError:
            raise self._late() from None
        except OSError as fault:
            raise self._failed(f"could not be started: {fault.strerror}") from fault
        code, said = await self._in_thread(self._reap)
        if code and self._is_late:
            raise self._late()
        if code or rest:
            raise self._failed(f"failed with exit code {code}: {said or 'it said nothing'}")

    async def end(self) -> None:
        """Kill it where it still runs, and wait for it."""
        self._kill()
        try:
            await asyncio.shield(self._in_thread(self._kill_and_reap))
        finally:
            self._thread.shutdown(wait=False)

    def be_late(self) -> None:
        """End it now, as if its time were over."""
        self._is_late = True
        self._kill()

    def _late(self) -> JobLate:
        return JobLate(f"the job {self._name!r} did not end in time")

    def _failed(self, how: str) -> JobFailed:
        _log.error("the job %r %s", self._name, how)
        return JobFailed(f"the job {self._name!r} {how}")

    def _in_thread(self, work: Callable[[], _T]) -> asyncio.Future[_T]:
        return asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _begin(self, told: bytes) -> None:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter, and no shell
            self._arguments, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0, start_new_session=True
        )
        if self._is_late:
            self._kill()
        stdin, self._process.stdin = self._process.stdin, None
        assert stdin is not None
        with suppress(BrokenPipeError), stdin:  # its exit code tells why
            while told:
                told = told[stdin.write(told) :]

    def _read(self) -> bytes:
        assert self._process is not None
        assert self._process.stdout is not None
        return self._process.stdout.read(_CHUNK_BYTES)

    def _reap(self) -> tuple[int, str]:
        """Its exit code, and the end of what it said on stderr, on one line."""
        assert self._process is not None
        _, said = self._process.communicate()
        self._reaped = True
        return self._process.returncode, " ".join(said.decode("utf-8", "replace").split())[-_MAX_TOLD:]

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()

    def _kill_and_reap(self) -> None:
        """End also the one that was on its way when its owner gave up."""
        self._kill()
        if self._process is not None and not self._reaped:
            self._reap()

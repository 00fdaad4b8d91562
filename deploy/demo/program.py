"""One process of the demo, from its start to its end."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

CHECKOUT: Final = Path(__file__).resolve().parents[2]

START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 12.0
"""More than the service needs to drain; what is not gone by then is killed."""

_RUNNING: Final = re.compile(r"(?:listening|running) on (http://\S+)")
_PASSED_ON: Final = frozenset("PATH PYTHONPATH HOME LANG LC_ALL TZ TMPDIR SSL_CERT_FILE".split())


class ProgramFailed(Exception):
    """A process of the demo did not start, or ended by itself."""

    def __init__(self, program: Program, what: str) -> None:
        said = "\n".join(f"    {line}" for line in program.log)
        super().__init__(f"{program.name} {what}" + (f"; the last it said:\n{said}" if said else ""))


@dataclass
class Program:
    """A process that listens at `url`; `log` is the end of what it wrote to its standard error."""

    name: str
    process: asyncio.subprocess.Process
    url: str = ""
    log: deque[str] = field(default_factory=lambda: deque(maxlen=12))

    async def wait(self) -> None:
        """Wait until it has ended."""
        await self.process.wait()


def service(data: Path) -> list[str]:
    """The command of an ingest service on a free port."""
    command = [sys.executable, "-m", "logweir_service", "serve"]
    return [*command, "--data", str(data), "--listen", "127.0.0.1:0"]


def application(name: str, *options: str) -> list[str]:
    """The command of an example service on a free port; `name` is as uvicorn wants it.

    Idle connections stay open longer than httpx keeps them, else it would now and then use one that is just
    being closed.
    """
    command = [sys.executable, "-m", "uvicorn", "--app-dir", str(CHECKOUT), "--port", "0", "--no-access-log"]
    return [*command, "--timeout-keep-alive", "30", "--timeout-graceful-shutdown", "5", *options, name]


def environment(*kept: str, **more: str) -> dict[str, str]:
    """`more`, the few variables that every program needs, and those `kept` that are set; no others.

    A proxy, a log level or a token that happens to be set would change what the demo shows.
    """
    return {name: value for name, value in os.environ.items() if name in _PASSED_ON | {*kept}} | more


@asynccontextmanager
async def running(name: str, command: Sequence[str], environ: Mapping[str, str]) -> AsyncIterator[Program]:
    """Start a program, wait until it listens, and end it with the block; it outlives a Ctrl-C until then.

    Raises:
        ProgramFailed: with the end of its log.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        env=environ,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    program = Program(name, process)
    listening = asyncio.Event()
    reading = asyncio.create_task(_read(program, listening))
    try:
        with suppress(TimeoutError):
            await asyncio.wait_for(listening.wait(), START_SECONDS)
        if not program.url:
            raise ProgramFailed(program, "did not start")
        yield program
    finally:
        await _end(process)
        await reading


async def _read(program: Program, listening: asyncio.Event) -> None:
    """Follow the log to its end; where the program ends without having listened, `listening` is set too."""
    assert program.process.stderr is not None
    async for line in program.process.stderr:
        program.log.append(line.decode(errors="replace").rstrip())
        if not program.url and (found := _RUNNING.search(program.log[-1])):
            program.url = found[1]
            listening.set()
    listening.set()


async def _end(process: asyncio.subprocess.Process) -> None:
    _signal(process, signal.SIGTERM)
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        _signal(process, signal.SIGKILL)
        await process.wait()


def _signal(process: asyncio.subprocess.Process, number: int) -> None:
    """Signal a process, if it still runs.

    asyncio's own `terminate` first reaps a process that has just ended, and then misses its exit code.
    """
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.kill(process.pid, number)


async def output_of(command: Sequence[str], environ: Mapping[str, str], *, given: bytes = b"") -> bytes:
    """What a command prints when `given` on its standard input; nothing where it fails."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env=environ,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        output, _ = await process.communicate(given)
    finally:
        await _end(process)
    return b"" if process.returncode else output

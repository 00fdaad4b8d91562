"""A body that does not come whole: one line in the log, which says whose doing it was."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from logweir_service.app import compose, http, running
from logweir_service.ingest import GuardedProtocol
from logweir_service.settings import Settings

pytestmark = pytest.mark.fault(31)

HEAD = b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\n"
HALF = HEAD + b"Content-Length: 100\r\n\r\n{"

Act = Callable[[uvicorn.Server, asyncio.StreamWriter], Awaitable[None]]


class Impatient(GuardedProtocol):
    body_seconds = 0.3


async def wait(server: uvicorn.Server, writer: asyncio.StreamWriter) -> None:
    """Let the service lose its patience."""


async def hang_up(server: uvicorn.Server, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def stop(server: uvicorn.Server, writer: asyncio.StreamWriter) -> None:
    server.should_exit = True


@pytest.mark.parametrize(
    ("sent", "act", "said", "answer"),
    [
        (HALF, hang_up, "hung up in the middle of a body", None),
        (HALF, wait, "408 too_slow", (408, "too_slow")),
        (HALF, stop, "503 stopping", (503, "stopping")),
        (
            HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\nzz\r\n",
            wait,
            "400 invalid_http",
            (400, "invalid_http"),
        ),
    ],
    ids=["hung up", "too slow", "the service stops", "a broken chunk"],
)
def test_half_a_body_is_one_line_that_says_why(
    tmp_path: Path,
    sent: bytes,
    act: Act,
    said: str,
    answer: tuple[int, str] | None,
) -> None:
    service = compose(Settings(LOGWEIR_DATA=tmp_path / "data"))
    counted: list[tuple[int, str]] = []
    told: list[str] = []
    service.refusals.count = lambda *each: counted.append(each)
    service.refusals.tell = lambda sender, what, **_: told.append(what)  # type: ignore[method-assign]
    protocol: Any = partial(Impatient, refusals=service.refusals)
    config = uvicorn.Config(http(service), http=protocol, ws="none", lifespan="off", log_config=None, port=0)

    async def run() -> None:
        server, listener = uvicorn.Server(config), config.bind_socket()
        async with running(service):
            serving = asyncio.create_task(server.serve(sockets=[listener]))
            while not server.started:
                await asyncio.sleep(0.01)
            reader, writer = await asyncio.open_connection("127.0.0.1", listener.getsockname()[1])
            writer.write(sent)
            await asyncio.sleep(0.1)
            await act(server, writer)
            if not writer.is_closing():
                await asyncio.wait_for(reader.read(), 10)
                writer.close()
            await asyncio.sleep(0.1)
            server.should_exit = True
            await serving
            listener.close()

    asyncio.run(run())
    assert [line.startswith(said) for line in told] == [True]
    assert counted == ([answer] if answer else [])

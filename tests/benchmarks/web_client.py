"""Requests at a fixed rate, whatever becomes of those before: an open loop, in a process of its own.

    python -m tests.benchmarks.web_client

Reads lines with PORT RATE SECONDS and prints a line for each: the list of the seconds from the moment at
which a request was due to the last byte of its answer, so that one that had to wait for its turn has waited.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from typing import cast

import uvloop

_ITEMS = [{"product_id": n, "name": f"Kettle {n}", "quantity": 2, "price_cents": 3990} for n in range(5)]
_BODY = json.dumps({"order_id": 7, "items": _ITEMS}).encode()
_GET = b"GET /orders/%d HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\n\r\n"
_POST = (
    b"POST /orders HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(_BODY), _BODY)
)
POSTS_OF_TEN = 2
CONNECTIONS = 32


class Connection(asyncio.Protocol):
    """Has one request in flight at most."""

    def __init__(self, idle: list[Connection]) -> None:
        self._idle = idle
        self._data = b""
        self._answered = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass

    def ask(self, request: bytes) -> asyncio.Future[float]:
        """Send; the moment of the whole answer."""
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answered

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, found, content = self._data.partition(b"\r\n\r\n")
        if found and len(content) >= int(head.lower().partition(b"content-length:")[2].split()[0]):
            if not head.startswith(b"HTTP/1.1 20"):
                self._answered.set_exception(RuntimeError(f"the application answered {head!r}"))
            else:
                self._answered.set_result(time.perf_counter())
            self._data = b""
            self._idle.append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self in self._idle:
            self._idle.remove(self)
        else:
            self._answered.set_exception(exc or RuntimeError("the application hung up"))


async def load(idle: list[Connection], port: int, rate: float, seconds: float) -> list[float]:
    """Ask for some seconds over connections that were `idle`, and more where these are too few."""
    while len(idle) < CONNECTIONS:
        await _connect(port, idle)
    asking = []
    started = time.perf_counter() + 0.05
    for number in range(int(rate * seconds)):
        due = started + number / rate
        while (early := due - time.perf_counter()) > 0:
            await asyncio.sleep(early)
        request = _POST if number % 10 < POSTS_OF_TEN else _GET % number
        asking.append(asyncio.create_task(_ask(port, idle, due, request)))
    return list(await asyncio.gather(*asking))


async def _ask(port: int, idle: list[Connection], due: float, request: bytes) -> float:
    if not idle:
        await _connect(port, idle)
    return await idle.pop().ask(request) - due


async def _connect(port: int, idle: list[Connection]) -> None:
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(lambda: Connection(idle), "127.0.0.1", port)
    idle.append(connection)


async def main() -> None:
    """Load whom one is told to, one after the other, over connections that are kept."""
    gc.disable()
    connections: dict[str, list[Connection]] = {}
    while line := await asyncio.to_thread(sys.stdin.readline):
        port, rate, seconds = line.split()
        idle = connections.setdefault(port, [])
        print(json.dumps(await load(idle, int(port), float(rate), float(seconds))), flush=True)
        gc.collect()


if __name__ == "__main__":
    uvloop.run(main())

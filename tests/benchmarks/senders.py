"""Concurrent senders in a process of their own, so that what they cost is not the service's.

    python -m tests.benchmarks.senders PORT SENDERS SECONDS

Each has a connection and a stream of its own and sends the next body when the last one is answered, as the
shipper does. Prints one line of JSON: how many were answered, in how many seconds, and p50 and p99 of the
time from a body's first byte to its whole answer.
"""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import sys
import time
from typing import cast
from uuid import uuid4

import uvloop

from tests.benchmarks.corpus import lines

EVENTS = 100
BODIES = 8
_HEAD = (
    "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n"
    "Logweir-Stream: {stream}\r\nLogweir-Seq: {seq}\r\nContent-Length: {size}\r\n\r\n"
)
_ALL_ACCEPTED = b'{"accepted":%d,' % EVENTS


class Sender(asyncio.Protocol):
    """Sends until `until`, and keeps the seconds of each answer."""

    def __init__(self, bodies: list[bytes], until: float) -> None:
        self.seconds: list[float] = []
        self.done = asyncio.get_running_loop().create_future()
        self._bodies = bodies
        self._until = until
        self._stream = uuid4()
        self._answer = b""
        self._sent = 0.0
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        self._send()

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, found, content = self._answer.partition(b"\r\n\r\n")
        if not found or len(content) < int(head.lower().partition(b"content-length:")[2].split()[0]):
            return
        self.seconds.append(time.perf_counter() - self._sent)
        if not content.startswith(_ALL_ACCEPTED):
            self.done.set_exception(RuntimeError(f"the service answered {self._answer!r}"))
            self._transport.close()
        elif time.perf_counter() < self._until:
            self._answer = b""
            self._send()
        else:
            self.done.set_result(None)
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or RuntimeError("the service hung up"))

    def _send(self) -> None:
        body = self._bodies[len(self.seconds) % len(self._bodies)]
        seq = len(self.seconds) * EVENTS + 1
        head = _HEAD.format(stream=self._stream, seq=seq, size=len(body)).encode()
        self._sent = time.perf_counter()
        self._transport.writelines([head, body])


async def send(port: int, count: int, seconds: float) -> dict[str, float]:
    """Let `count` senders work for some seconds."""
    dice = random.Random(1)
    bodies = [b"".join(line + b"\n" for line in lines(EVENTS, dice)) for _ in range(BODIES)]
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    senders = [Sender(bodies, started + seconds) for _ in range(count)]
    for sender in senders:
        await loop.create_connection(lambda sender=sender: sender, "127.0.0.1", port)  # type: ignore[misc]
    await asyncio.gather(*(sender.done for sender in senders))
    taken = time.perf_counter() - started
    answers = [answer for sender in senders for answer in sender.seconds]
    hundredths = statistics.quantiles(answers, n=100)
    return {"batches": len(answers), "seconds": taken, "p50": hundredths[49], "p99": hundredths[98]}


if __name__ == "__main__":
    result = uvloop.run(send(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
    print(json.dumps(result))

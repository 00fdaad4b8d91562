"""A server that takes everything, for senders to be measured against.

    python -m tests.benchmarks.sink

Prints two ports: one answers any HTTP request with 200 and, where it is a shipper's, with its receipt; the
other swallows whatever comes.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple, cast

from backports import zstd


class Sink(NamedTuple):
    """Where it listens."""

    http_port: int
    tcp_port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"


class Answering(asyncio.Protocol):
    """Takes one request after the other on a kept connection."""

    def __init__(self) -> None:
        self._data = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._data += data
        while True:
            head, found, rest = self._data.partition(b"\r\n\r\n")
            headers = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:]) if found else {}
            length = int(headers.get(b"content-length", 0))
            if not found or len(rest) < length:
                return
            self._data = rest[length:]
            answer = receipt(headers, rest[:length])
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer))


def receipt(headers: dict[bytes, bytes], body: bytes) -> bytes:
    """What the service would answer; nothing to what is no shipper's."""
    if b"logweir-seq" not in headers:
        return b""
    if headers.get(b"content-encoding") == b"zstd":
        body = zstd.decompress(body)
    count = body.count(b"\n") - body.count(b'{"_closed"')
    return b'{"accepted":%d,"next_seq":%d}' % (count, int(headers[b"logweir-seq"]) + count)


class Swallowing(asyncio.Protocol):
    """Reads, and says nothing."""

    def data_received(self, data: bytes) -> None:
        """Forget it."""


async def listen() -> None:
    """Listen until the process ends."""
    loop = asyncio.get_running_loop()
    servers = [await loop.create_server(each, "127.0.0.1", 0) for each in (Answering, Swallowing)]
    print(json.dumps([server.sockets[0].getsockname()[1] for server in servers]), flush=True)
    await asyncio.Event().wait()


@contextmanager
def running_sink() -> Iterator[Sink]:
    """A sink in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.sink"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Sink(*json.loads(process.stdout.readline()))
        finally:
            process.terminate()


if __name__ == "__main__":
    asyncio.run(listen())

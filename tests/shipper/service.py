"""A real HTTP server that plays the service: it keeps a stream's marks, and faults by script."""

from __future__ import annotations

import threading
import zlib
from collections import deque
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import orjson
from backports import zstd


class Request(NamedTuple):
    """One request as it came, its body decompressed."""

    path: str
    headers: dict[str, str]
    lines: list[dict[str, Any]]
    stream: str
    seq: int


class Fault(NamedTuple):
    """How to answer one request: a status, after storing or not, or no answer at all."""

    status: int = 200
    stored: bool = False
    answered: bool = True
    headers: tuple[tuple[str, str], ...] = ()
    when: Callable[[Request], bool] = lambda request: True


class PlayedService:
    """Stores events by (stream, number) as the design says, and follows `script` first."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.script: deque[Fault] = deque()
        self.always: Fault | None = None
        self.stored: dict[tuple[str, int], dict[str, Any]] = {}
        self.lost: dict[str, int] = {}
        self.holes = 0
        self.closed: list[str] = []
        self.repeated = 0
        self.conflicts = 0
        self._next: dict[str, int] = {}
        self._last: dict[str, tuple[int, int, int]] = {}
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "zstd":
                    body = zstd.decompress(body)
                outer._answer(self, body)

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def events(self) -> list[dict[str, Any]]:
        return list(self.stored.values())

    def _answer(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        request = Request(
            handler.path,
            dict(handler.headers.items()),
            [orjson.loads(line) for line in body.splitlines()],
            handler.headers["Logweir-Stream"],
            int(handler.headers["Logweir-Seq"]),
        )
        with self._lock:
            self.requests.append(request)
            fault = self.always
            if self.script and self.script[0].when(request):
                fault = self.script.popleft()
            if fault is None and self._conflicts(request, body):
                fault = Fault(409)
            if fault is None or fault.stored:
                self._store(request)
                self._last[request.stream] = (request.seq, self._next[request.stream], zlib.crc32(body))
        if fault is not None and not fault.answered:
            handler.close_connection = True
            handler.connection.close()
            return
        answer = orjson.dumps({"accepted": 0, "next_seq": self._next.get(request.stream, 1)})
        handler.send_response(fault.status if fault else 200)
        for name, value in fault.headers if fault else ():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(answer)))
        handler.end_headers()
        handler.wfile.write(answer)

    def _conflicts(self, request: Request, body: bytes) -> bool:
        """Whether the stream's last body had the same numbers and was another."""
        first, behind, checksum = self._last.get(request.stream, (0, 0, 0))
        span = sum(_span(line) for line in request.lines)
        conflicts = bool(span) and (request.seq, request.seq + span) == (first, behind)
        conflicts = conflicts and zlib.crc32(body) != checksum
        self.conflicts += conflicts
        return conflicts

    def _store(self, request: Request) -> None:
        number = request.seq
        known = self._next.get(request.stream, 1)
        for line in request.lines:
            if "_closed" in line:
                self.closed.append(request.stream)
                continue
            count = _span(line)
            if number < known:
                self.repeated += 1
            else:
                self.holes += number - known
                known = number + count
                if "_lost" in line:
                    self.lost[request.stream] = self.lost.get(request.stream, 0) + count
                else:
                    self.stored[request.stream, number] = line
            number += count
        self._next[request.stream] = known


def _span(line: dict[str, Any]) -> int:
    """How many numbers a line takes."""
    if "_closed" in line:
        return 0
    return line["_lost"]["count"] if "_lost" in line else 1

"""An HTTP server that answers from a script and remembers what it was sent."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Answer(NamedTuple):
    status: int = 200
    headers: Mapping[str, str] = {}
    lost: bool = False
    """The request is taken and the connection closed without a word."""
    hangs: bool = False
    """The answer waits until the server is let go."""


class Request(NamedTuple):
    at: float
    path: str
    headers: Mapping[str, str]
    envelope: list[Any]
    """The lines: header, item header, event."""

    @property
    def event(self) -> dict[str, Any]:
        return dict(self.envelope[2])


@dataclass
class SentryServer:
    script: list[Answer] = field(default_factory=list)
    """After its end every event is taken."""
    requests: list[Request] = field(default_factory=list)
    port: int = 0
    arrived: threading.Condition = field(default_factory=threading.Condition)
    let_go: threading.Event = field(default_factory=threading.Event)

    @property
    def dsn(self) -> str:
        return f"http://key@127.0.0.1:{self.port}/7"

    def wait_for(self, count: int, *, timeout_seconds: float = 10.0) -> list[Request]:
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.requests) >= count, timeout_seconds), self.requests
        return self.requests


@contextmanager
def serving(*script: Answer) -> Iterator[SentryServer]:
    server = SentryServer(list(script))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # an answer in one packet: in two, the second waits 40 ms for the acknowledgement

        def do_POST(self):
            body = gzip.decompress(self.rfile.read(int(self.headers["Content-Length"])))
            lines = [json.loads(line) for line in body.splitlines()]
            answer = server.script.pop(0) if server.script else Answer()
            with server.arrived:
                server.requests.append(Request(time.time(), self.path, dict(self.headers), lines))
                server.arrived.notify_all()
            if answer.hangs:
                server.let_go.wait(10)
            if answer.lost:
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        server.port = http.server_address[1]
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()

"""What stands between an application and its service on a bad day: it refuses, delays, cuts and loses."""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_FORWARDED = (
    "Content-Type",
    "Content-Encoding",
    "Logweir-Stream",
    "Logweir-Seq",
    "Logweir-Scrubbed",
)
_ODDS = {"pass": 60, "refuse": 15, "lose": 12, "delay": 8, "cut": 5}
"""Refuse: 503 to a request that nobody read. Lose: hang up once the service has answered. Cut: hang up once
the service has half of the request."""


class Proxy:
    """Hands requests on to `target`, as the dice want it; `calm` lets all pass."""

    def __init__(self, target: str, seed: str) -> None:
        self.calm = False
        self.did: Counter[str] = Counter()
        self.events: Counter[str] = Counter()
        """What the service has answered, also where nobody heard it."""
        self._target = target.removeprefix("http://")
        self._dice = random.Random(seed)
        self._lock = threading.Lock()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                try:
                    proxy._handle(self)
                except (OSError, http.client.HTTPException):
                    proxy._count("service away")
                    _hang_up(self)

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        self.server = _QuietServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def _handle(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        with self._lock:
            does = "pass" if self.calm else self._dice.choices([*_ODDS], [*_ODDS.values()])[0]
            share = self._dice.random()
        self._count(does)
        if does == "refuse":
            _answer(handler, 503, b'{"error":"overloaded"}')
            return
        if does == "delay":
            time.sleep(share * 0.5)
        host, _, port = self._target.partition(":")
        with contextlib.closing(http.client.HTTPConnection(host, int(port), timeout=60)) as service:
            headers = {name: handler.headers[name] for name in _FORWARDED if name in handler.headers}
            service.putrequest("POST", handler.path)
            for name, value in headers.items():
                service.putheader(name, value)
            service.putheader("Content-Length", str(len(body)))
            service.endheaders()
            if does == "cut":
                service.send(body[: int(len(body) * share)])
                _hang_up(handler)
                return
            service.send(body)
            answer = service.getresponse()
            content = answer.read()
        self._remember(answer.status, content)
        if does == "lose":
            _hang_up(handler)
        else:
            _answer(handler, answer.status, content)

    def _remember(self, status: int, content: bytes) -> None:
        found = json.loads(content) if status == 200 else {}
        with self._lock:
            self.did[f"answered {status}"] += 1
            for name in ("accepted", "duplicate", "rejected_count"):
                self.events[name] += found.get(name, 0)

    def _count(self, what: str) -> None:
        with self._lock:
            self.did[what] += 1


class _QuietServer(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Applications that are killed reset their connections."""


def _answer(handler: BaseHTTPRequestHandler, status: int, content: bytes) -> None:
    with contextlib.suppress(OSError):  # the application is dead
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)


def _hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True
    with contextlib.suppress(OSError):
        handler.connection.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def bad_day(target: str, seed: str) -> Iterator[Proxy]:
    """A proxy in front of `target`, which may come and go."""
    proxy = Proxy(target, seed)
    thread = threading.Thread(target=proxy.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.server.shutdown()
        proxy.server.server_close()
        thread.join()

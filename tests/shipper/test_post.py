"""One request over a real socket: what is read of an answer, and for how long it is waited for."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from logweir import post
from logweir.notices import Notices
from logweir.post import Answer, HttpPost
from logweir.sender import HttpTransport


class Raw:
    """A server that answers every request with these very bytes, or not at all."""

    def __init__(self) -> None:
        self.answer: bytes = b""
        self.connections = 0
        self.paths: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                outer.connections += 1
                super().setup()

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                outer.paths.append(self.path)
                with contextlib.suppress(OSError):
                    self.wfile.write(outer.answer)

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


@pytest.fixture
def raw() -> Iterator[Raw]:
    server = Raw()
    yield server
    server.stop()


def response(body: bytes, *, status: bytes = b"200 OK", header: bytes = b"X: y") -> bytes:
    return b"HTTP/1.1 %s\r\n%s\r\nContent-Length: %d\r\n\r\n%s" % (status, header, len(body), body)


def send(poster: HttpPost, *, timeout_seconds: float | None = None) -> Answer:
    return poster(b"{}\n", stream="s", seq=1, compress=False, timeout_seconds=timeout_seconds)


def test_receipts_come_over_one_connection(raw: Raw) -> None:
    raw.answer = response(b'{"next_seq":2,"rejected_count":1}')
    poster = HttpPost(raw.url, token=None)
    assert [send(poster).next_seq for _ in range(3)] == [2, 2, 2]
    assert send(poster).rejected == 1
    assert raw.connections == 1


def test_of_an_endless_answer_only_the_beginning_is_read(raw: Raw) -> None:
    raw.answer = b"HTTP/1.1 500 No\r\nContent-Length: 99999999999\r\n\r\n" + b"x" * post.MAX_ANSWER_BYTES
    poster = HttpPost(raw.url, token=None)
    assert send(poster, timeout_seconds=5).status == 500
    raw.answer = response(b'{"next_seq":2}')
    assert send(poster).next_seq == 2, "on a new connection"


def test_a_page_names_the_address_it_came_from(raw: Raw) -> None:
    raw.answer = response(b"<html>welcome</html>")
    answer = send(HttpPost(raw.url, token=None))
    assert answer.text == f"{raw.url}/v1/events: <html>welcome</html>"
    assert answer.next_seq is None


def test_of_a_refusal_its_message_is_told(raw: Raw) -> None:
    raw.answer = response(b'{"error":"unauthorized","message":"send a token"}\n', status=b"401 No")
    assert send(HttpPost(raw.url, token=None)) == (401, f"{raw.url}/v1/events: send a token", None, None, 0)


def test_a_redirect_is_not_followed(raw: Raw) -> None:
    raw.answer = response(b"", status=b"307 Elsewhere", header=b"Location: /elsewhere")
    assert send(HttpPost(raw.url, token=None)).status == 307
    assert raw.paths == ["/v1/events"]


def test_an_answer_is_waited_for_no_longer_than_the_time_allows(
    raw: Raw, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "ReadTimeoutError" in send(HttpPost(raw.url, token=None), timeout_seconds=0.05).text
    monkeypatch.setattr(post, "ANSWER_TIMEOUT_SECONDS", 0.05)
    assert "ReadTimeoutError" in send(HttpPost(raw.url, token=None)).text


def test_a_connection_is_waited_for_no_longer_than_its_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(post, "CONNECT_TIMEOUT_SECONDS", 0.05)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(4):  # more than its queue takes, so that the next one is not answered
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        answer = send(HttpPost(f"http://127.0.0.1:{server.getsockname()[1]}", token=None))
    assert "ConnectTimeoutError" in answer.text


def test_a_flush_without_a_thread_ends_in_time_though_the_service_hangs(
    raw: Raw, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = HttpTransport(raw.url, notices=Notices(write=lambda line: None))
    monkeypatch.setattr(sender, "_start", lambda: None)
    sender.put(b"{}\n", "info")
    flushed: list[bool] = []
    thread = threading.Thread(target=lambda: flushed.append(sender.flush(0.1)), daemon=True)
    thread.start()
    thread.join(10)
    assert flushed == [False]

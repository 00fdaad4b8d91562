"""uvicorn's HTTP protocol with what it lacks: deadlines, and limits of what comes before a body.

Without them a sender that writes a byte a minute keeps its connection for ever, and one that sends headers
without end keeps their memory.
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar, NoReturn

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from logweir_service.errors import Refusal

from .door import ANSWERED
from .refusals import Refusals

MAX_HEAD_BYTES = 16 << 10
"""Request line and headers together."""

MAX_HEADERS = 64

ENDLESS = "logweir.endless"
"""Key of the scope of a request whose answer has no end, as of a live tail."""


class GuardedProtocol(HttpToolsProtocol):
    """Closes connections that are too slow (408) or bring too much before their body (431).

    `refusals` is told of them; all else is what uvicorn gives to its protocols.
    """

    head_seconds: ClassVar[float] = 10.0
    """From the connection, or a request's first byte, to the end of its headers."""
    body_seconds: ClassVar[float] = 30.0
    """From the end of the headers to the end of the body."""

    endless_seconds: ClassVar[float] = 1.0
    """What an answer without end has left when the service stops."""

    _deadline: asyncio.TimerHandle | None = None
    _in_head = True
    _received_bytes = 0
    """What came since the head began, as long as it is not complete."""
    _head_bytes = 0
    """What of it was understood."""
    _refusal: tuple[int, str, str] | None = None

    def __init__(self, *args: Any, refusals: Refusals, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._refusals = refusals

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Expect a request soon."""
        super().connection_made(transport)
        self._expect(self.head_seconds, "the headers took longer than {:g} s")

    def connection_lost(self, exc: Exception | None) -> None:
        """Expect nothing any more."""
        self._cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes in, as long as the head of a request stays within its limits."""
        super().data_received(data)
        if self._in_head:
            self._received_bytes += len(data)
            if self._received_bytes > MAX_HEAD_BYTES:
                self._refuse(*_HEAD_TOO_LARGE)

    def send_400_response(self, msg: str) -> None:
        """Answer what the parser did not take, in the words of all refusals."""
        self._refuse(*(self._refusal or (400, "invalid_http", msg)))

    def on_message_begin(self) -> None:
        """Begin to count."""
        super().on_message_begin()
        self._in_head, self._received_bytes, self._head_bytes = True, 0, 0
        self._expect(self.head_seconds, "the headers took longer than {:g} s")

    def on_url(self, url: bytes) -> None:
        """Take a part of the request line."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, unless there are too many."""
        self._count(len(name) + len(value))
        super().on_header(name, value)
        if len(self.headers) > MAX_HEADERS:
            self._stop(431, "too_many_headers", f"more than {MAX_HEADERS} headers")

    def on_headers_complete(self) -> None:
        """Go on with the body."""
        self._in_head = False
        if self.parser.get_http_version() == "1.1" and not any(name == b"host" for name, _ in self.headers):
            self._stop(400, "invalid_http", "the Host header is missing")
        super().on_headers_complete()
        self._expect(self.body_seconds, "the body took longer than {:g} s")

    def on_message_complete(self) -> None:
        """The request is whole; how long its answer takes is ours."""
        self._cancel()
        super().on_message_complete()

    def shutdown(self) -> None:
        """The service stops: what has not come whole by now is refused, and its sender tries again."""
        if self._deadline is not None:
            self._refuse(_STOPPING.status, _STOPPING.code, _STOPPING.message)
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request
        if cycle is not None and not cycle.response_complete and cycle.scope.get(ENDLESS):
            self.loop.call_later(self.endless_seconds, self.transport.abort)  # its reader may have stalled
        super().shutdown()

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > MAX_HEAD_BYTES:
            self._stop(*_HEAD_TOO_LARGE)

    def _stop(self, status: int, code: str, message: str) -> NoReturn:
        """Refuse from within the parser, which ends in `send_400_response`."""
        self._refusal = (status, code, message)
        raise ValueError(message)

    def _expect(self, seconds: float, otherwise: str) -> None:
        self._cancel()
        refusal = (408, "too_slow", otherwise.format(seconds))
        self._deadline = self.loop.call_later(seconds, self._refuse, *refusal)

    def _cancel(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse(self, status: int, code: str, message: str) -> None:
        """Answer, unless an answer is under way, and close."""
        self._cancel()
        if self.transport.is_closing():
            return
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request
        if cycle is not None and not cycle.response_complete:
            if not cycle.response_started:
                cycle.scope[ANSWERED] = True  # type: ignore[typeddict-unknown-key]
                self._tell(status, code, message)
                self._answer(status, code, message)
        elif code == "too_slow" and self._received_bytes == 0:
            self._answer(status, code, message)  # a probe of the port, or a connection kept in store
        else:
            self._tell(status, code, message)
            self._answer(status, code, message)
        self.transport.close()

    def _tell(self, status: int, code: str, message: str) -> None:
        self._refusals.count(status, code)
        sender = self.client[0] if self.client else "an unknown address"
        self._refusals.tell(sender, f"{status} {code}, {message}")

    def _answer(self, status: int, code: str, message: str) -> None:
        content = orjson.dumps({"error": code, "message": message}, option=orjson.OPT_APPEND_NEWLINE)
        head = f"HTTP/1.1 {status} {_REASONS[status]}\r\ncontent-type: application/json\r\n"
        if status == 503:
            head += f"retry-after: {_STOPPING.retry_after()}\r\n"
        head += f"content-length: {len(content)}\r\nconnection: close\r\n\r\n"
        self.transport.write(head.encode() + content)


_STOPPING = Refusal(503, "stopping", "the service stops; send again", retry_after_seconds=3)
_HEAD_TOO_LARGE = (431, "headers_too_large", f"more than {MAX_HEAD_BYTES} bytes before the body")
_REASONS = {
    503: "Service Unavailable",
    400: "Bad Request",
    408: "Request Timeout",
    431: "Request Header Fields Too Large",
}

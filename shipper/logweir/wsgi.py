"""The door for WSGI applications: correlation, and one ``http.request`` a request. PEP 3333."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, Final

from logweir.propagation import CORRELATION_HEADER
from logweir.request import SERVED, Headers, Policy, Request

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

_HEADER: Final = CORRELATION_HEADER.lower()
_MOUNT: Final = "logweir.mount"
"""In an environ: where the application that is reported stands, which is no part of its routes."""


class Middleware:
    """Gives each request a correlation id and reports it with one ``http.request`` event.

    ``application = logweir.wsgi.Middleware(application)``. The arguments are those of the ASGI middleware. A
    request lasts until the server has closed its response; one that is closed before it was sent whole, as
    when its client went away, is cancelled. `http_route` is known for what is built on Werkzeug, such as
    Flask, and for Django with its own middleware, which leaves the reporting to this one.
    """

    def __init__(
        self,
        app: Application,
        *,
        skip: Collection[str] = (),
        trust_inbound_ids: bool = True,
        slow_seconds: float | None = None,
    ) -> None:
        self.app = app
        self._policy = Policy.of(skip, trust_inbound_ids=trust_inbound_ids, slow_seconds=slow_seconds)

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Serve one request."""
        if SERVED in environ:
            return self.app(environ, start_response)
        environ[_MOUNT] = environ.get("SCRIPT_NAME", "")
        request = environ[SERVED] = begin(self._policy, environ, path=_path(environ))
        response = _Response(request, environ, start_response)
        try:
            chunks = self.app(environ, response.start)
        except BaseException as error:
            response.end(error)
            raise
        if isinstance(chunks, list | tuple):
            request.body_bytes = sum(map(len, chunks))
            response.end()
            return chunks
        return chunks if response.ends_with_file(chunks) else response.over(chunks)


def begin(policy: Policy, environ: Mapping[str, Any], *, path: str) -> Request:
    """A request that begins, described by its `environ`."""
    return Request(
        policy,
        _headers(environ),
        path=path,
        method=environ.get("REQUEST_METHOD", ""),
        query=environ.get("QUERY_STRING") or "",
        client=environ.get("REMOTE_ADDR") or None,
    )


class _Response:
    """What is seen of one response; what iterates over its body and closes it is the server."""

    def __init__(self, request: Request, environ: Environ, start_response: Callable[..., Any]) -> None:
        self._request = request
        self._environ = environ
        self._start_response = start_response
        self._chunks: Any = ()
        self._iterator: Iterator[bytes] | None = None
        self._is_whole = False
        self._promised_bytes: int | None = None

    def start(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[..., Any]:
        """Begin the response; its correlation header is ours alone."""
        request = self._request
        request.answer(int(status[:3]) if status[:3].isdecimal() else 500)
        request.route = request.route or werkzeug_route(self._environ)
        kept = [pair for pair in headers if pair[0].lower() != _HEADER]
        length = next((value for name, value in headers if name.lower() == "content-length"), "")
        self._promised_bytes = int(length) if length.isdecimal() else None
        kept.append((CORRELATION_HEADER, request.correlation_id))
        write = (
            self._start_response(status, kept, exc_info) if exc_info else self._start_response(status, kept)
        )

        def count_and_write(data: bytes) -> Any:
            request.body_bytes = (request.body_bytes or 0) + len(data)
            return write(data)

        return count_and_write

    def over(self, chunks: Iterable[bytes]) -> Iterable[bytes]:
        """The body `chunks`, watched."""
        self._chunks = chunks
        return self

    def ends_with_file(self, chunks: object) -> bool:
        """Whether `chunks` is a file that the server may send on its own; then its end is listened to."""
        wrapper = self._environ.get("wsgi.file_wrapper")
        if not (isinstance(wrapper, type) and isinstance(chunks, wrapper)):
            return False
        self._chunks, self._is_whole = chunks, True
        close = getattr(chunks, "close", None)

        def close_and_end() -> None:
            try:
                if close is not None:
                    close()
            finally:
                self._request.body_bytes = self._promised_bytes
                self.end()

        try:
            self._chunks.close = close_and_end
        except AttributeError:
            return False
        return True

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        request = self._request
        try:
            if self._iterator is None:
                self._iterator = iter(self._chunks)
            chunk = next(self._iterator)
        except StopIteration:
            self._is_whole = True
            raise
        except BaseException as error:
            request.error = error
            raise
        request.body_bytes = (request.body_bytes or 0) + len(chunk)
        return chunk

    def close(self) -> None:
        """Close the body, and report the request."""
        close = getattr(self._chunks, "close", None)
        try:
            if close is not None:
                close()
        except BaseException as error:
            self._request.error = error
            raise
        finally:
            self.end()

    def end(self, error: BaseException | None = None) -> None:
        """Report the request."""
        request = self._request
        if not self._is_whole and self._iterator is not None:
            sent = request.body_bytes or 0
            request.gone = self._promised_bytes is None or sent < self._promised_bytes
        request.end(error)


def werkzeug_route(environ: Mapping[str, Any]) -> str | None:
    """The rule by which Werkzeug routed the request, behind what a dispatcher mounted it at.

    It is there until the response has begun.
    """
    rule = getattr(getattr(environ.get("werkzeug.request"), "url_rule", None), "rule", None)
    below = environ.get("SCRIPT_NAME", "").removeprefix(environ.get(_MOUNT, ""))
    return f"{below}{rule}" if rule else None


def _path(environ: Mapping[str, Any]) -> str:
    """The path as its client wrote it, less the quoting; PEP 3333 hands texts on as Latin-1."""
    raw: str = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    return raw if raw.isascii() else raw.encode("latin-1", "replace").decode("utf-8", "replace")


def _headers(environ: Mapping[str, Any]) -> Headers:
    """The request's headers as ASGI has them."""
    named = [(key[5:], value) for key, value in environ.items() if key.startswith("HTTP_")]
    named += [(key, environ.get(key)) for key in ("CONTENT_LENGTH", "CONTENT_TYPE")]
    return [
        (name.lower().replace("_", "-").encode("latin-1", "replace"), value.encode("latin-1", "replace"))
        for name, value in named
        if isinstance(value, str) and value
    ]

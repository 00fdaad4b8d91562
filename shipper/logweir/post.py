"""One HTTP request with events in it, and its answer."""

from __future__ import annotations

import contextlib
import sys
from typing import Any, Final, NamedTuple, Protocol

import orjson
import urllib3

from logweir.fields import SCRUBBED_HEADER, SEQ_HEADER, STREAM_HEADER

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ZSTD_LEVEL: Final = 1
CONNECT_TIMEOUT_SECONDS: Final = 5.0
ANSWER_TIMEOUT_SECONDS: Final = 30.0
MAX_ANSWER_BYTES: Final = 64 * 1024


class Answer(NamedTuple):
    """What the service said. `status` 0 means that no answer came, and `text` says why."""

    status: int
    text: str = ""
    retry_after: str | None = None
    next_seq: int | None = None
    rejected: int = 0


class Post(Protocol):
    """Sends one body and gives the answer; never raises."""

    def __call__(
        self, body: bytes, *, stream: str, seq: int, compress: bool, timeout_seconds: float | None
    ) -> Answer:
        """`seq` is the number of the body's first line in `stream`; no timeout is the usual one."""


class HttpPost:
    """Posts to one service over a connection that is kept open."""

    def __init__(self, url: str, *, token: str | None) -> None:
        self._url = f"{url}/v1/events"
        self._headers = {
            "Content-Type": "application/x-ndjson",
            SCRUBBED_HEADER: "1",
            "User-Agent": "logweir",
        }
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._pool = urllib3.PoolManager(
            num_pools=1,
            maxsize=1,
            retries=False,
        )

    def __call__(
        self, body: bytes, *, stream: str, seq: int, compress: bool, timeout_seconds: float | None = None
    ) -> Answer:
        """Send one body and read the answer."""
        headers = {**self._headers, STREAM_HEADER: stream, SEQ_HEADER: str(seq)}
        if compress:
            headers["Content-Encoding"] = "zstd"
            body = zstd.compress(body, ZSTD_LEVEL)
        try:
            with self._pool.request(
                "POST",
                self._url,
                body=body,
                headers=headers,
                redirect=False,
                preload_content=False,
                timeout=urllib3.Timeout(
                    total=timeout_seconds, connect=CONNECT_TIMEOUT_SECONDS, read=ANSWER_TIMEOUT_SECONDS
                ),
            ) as response:
                data = response.read(MAX_ANSWER_BYTES)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as fault:
            return Answer(0, f"{self._url}: {_reason(fault)}")
        answer = _read(response.status, response.headers.get("Retry-After"), data)
        return answer if answer.next_seq else answer._replace(text=f"{self._url}: {answer.text}")


def _reason(fault: Exception) -> str:
    """Why no answer came, without the objects that urllib3 prints."""
    cause = fault.__cause__
    told = cause.strerror if isinstance(cause, OSError) and cause.strerror else fault
    return f"{type(fault).__name__}: {told}"


def _read(status: int, retry_after: str | None, data: bytes) -> Answer:
    receipt: Any = None
    with contextlib.suppress(orjson.JSONDecodeError):
        receipt = orjson.loads(data)
    text = data[:300].decode("utf-8", "replace")
    if not isinstance(receipt, dict):
        return Answer(status, text, retry_after)
    next_seq, rejected = receipt.get("next_seq"), receipt.get("rejected_count")
    if isinstance(message := receipt.get("message"), str):
        text = message[:300]
    return Answer(
        status,
        text,
        retry_after,
        next_seq if type(next_seq) is int else None,
        rejected if type(rejected) is int else 0,
    )

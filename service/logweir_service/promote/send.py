"""Hands events to a Sentry server over HTTP; the only file that knows the Sentry SDK."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any, Final

import orjson
import urllib3
from sentry_sdk.envelope import Envelope, Item, PayloadRef
from sentry_sdk.utils import BadDsn, Dsn

from logweir_service.errors import ConfigurationError, told_by_system
from logweir_service.event import rfc3339
from logweir_service.promote.answer import Outcome, judge

CLIENT: Final = f"logweir/{version('logweir')}"

CONNECT_SECONDS: Final = 5.0
READ_SECONDS: Final = 10.0
MAX_ANSWER_BYTES: Final = 65_536
"""More of an answer is not read: it says nothing that we need."""


class Sender:
    """Sends one event at a time to the project that a DSN names.

    Raises:
        ConfigurationError: when the DSN is malformed; its text is one line without the key.
    """

    def __init__(self, dsn: str, *, clock: Callable[[], float] = time.time) -> None:
        try:
            auth = Dsn(dsn.strip()).to_auth(CLIENT)
        except (BadDsn, ValueError) as fault:
            raise ConfigurationError(f"the Sentry DSN cannot be used: {fault}") from None
        self.url = str(auth.get_api_url())
        self._host = urllib3.util.parse_url(self.url).netloc or self.url
        self._clock = clock
        self._headers = {
            "Content-Type": "application/x-sentry-envelope",
            "Content-Encoding": "gzip",
            "User-Agent": CLIENT,
            "X-Sentry-Auth": auth.to_header(),
        }
        timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
        self._pool = urllib3.PoolManager(
            num_pools=1,
            maxsize=1,
            timeout=timeout,
            retries=False,  # nor are redirects followed
        )

    def send(self, event: dict[str, Any]) -> Outcome:
        """Send `event` and say what became of it; no fault of network or server is raised."""
        body = gzip.compress(envelope(event, sent_at=self._clock()), compresslevel=6)
        try:
            answer = self._pool.request(
                "POST", self.url, body=body, headers=self._headers, preload_content=False
            )
            answer.read(MAX_ANSWER_BYTES, decode_content=False)
            if answer.read(1, decode_content=False):
                answer.close()
            answer.release_conn()
        except urllib3.exceptions.HTTPError as fault:
            return Outcome("again", f"{self._host}: {told_by_system(fault) or type(fault).__name__}")
        return judge(answer.status, answer.headers, now=self._clock())

    def close(self) -> None:
        """Drop the connection."""
        self._pool.clear()


def envelope(event: dict[str, Any], *, sent_at: float) -> bytes:
    """The envelope that carries `event`, as it goes over the wire before compression.

    `sent_at` is the moment of sending, not of the event: the server takes the difference to its own clock as
    clock drift.
    """
    headers = {"event_id": event["event_id"], "sent_at": rfc3339(sent_at), "sdk": event.get("sdk", {})}
    payload = PayloadRef(bytes=orjson.dumps(event))
    item = Item(payload=payload, type="event", content_type="application/json")
    return Envelope(headers=headers, items=[item]).serialize()

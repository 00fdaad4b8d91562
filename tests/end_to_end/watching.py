"""Somebody who watches a live tail over HTTP."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

from tests.end_to_end.live import LiveService


class Message(NamedTuple):
    """One event of the stream."""

    id: str
    event: str
    data: Any


class Watcher:
    """An open tail; use it as a context manager, and read its messages."""

    def __init__(self, live: LiveService, *, headers: Mapping[str, str] | None = None, **fields: str) -> None:
        self.connection = http.client.HTTPConnection(live.url.removeprefix("http://"), timeout=30)
        self.connection.request("GET", f"/v1/tail?{urlencode(fields)}", headers=dict(headers or {}))
        self.response = self.connection.getresponse()
        self.place = ""
        """Where a client would go on from, as it was told last."""

    def __enter__(self) -> Watcher:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self.response.close()
        self.connection.close()

    def messages(self) -> Iterator[Message]:
        """The messages as a browser gives them, until the stream ends."""
        event, data = "message", ""
        while line := self.response.readline():
            assert b"\r" not in line, "to a browser, a line ends there"
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name == "id":
                self.place = value
            elif name == "event":
                event = value
            elif name == "data":
                data = value
            elif not name and data:
                yield Message(self.place, event, json.loads(data))
                event, data = "message", ""

    def take(self, count: int) -> list[Any]:
        """The data of the next so many messages."""
        messages = self.messages()
        return [next(messages).data for _ in range(count)]

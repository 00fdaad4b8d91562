"""The live tail of a running service, which is come back to when it was away."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import urllib3

from logweir_service.errors import LookUpFailed, told_by_system
from logweir_service.find import Dropped, Found, Place, read_place

from .ask import expect_ok

_SILENT_SECONDS: Final = 60.0
"""A service says something four times as often, so one that does not is gone."""

_CONNECT_SECONDS: Final = 10.0
_AGAIN_SECONDS: Final = (0.5, 1.0, 2.0, 5.0)
_AWAY: Final = frozenset({429, 502, 503, 504})
"""What is answered for a service that starts, or is full."""


class _Gone(Exception):
    """The service is not there, and may be again; the text says why."""


def watched(
    url: str, text: str, where: str, *, token: str, reached: Callable[[], None] = lambda: None
) -> Iterator[Found | Dropped]:
    """What the service shows; it has no end. From the first call of `reached` on nothing is missed.

    Raises:
        LookUpFailed: it could not be asked in the first place, or refuses for good.
    """
    place: Place | None = None
    was_there, failures = False, 0
    while True:
        try:
            for each in _connected(url, text, where, token=token, after=place):
                if not was_there or failures:
                    was_there, failures = True, _came_back(failures)
                if isinstance(each, Place):
                    place = each
                    reached()
                else:
                    yield each
        except _Gone as gone:
            if not was_there:
                raise LookUpFailed(str(gone)) from None
            if not failures:
                print(f"logweir: {gone}; trying again", file=sys.stderr)
            time.sleep(_AGAIN_SECONDS[min(failures, len(_AGAIN_SECONDS) - 1)])
            failures += 1


def _came_back(failures: int) -> int:
    if failures:
        print("logweir: the service is there again", file=sys.stderr)
    return 0


def _connected(
    url: str, text: str, where: str, *, token: str, after: Place | None
) -> Iterator[Found | Dropped | Place]:
    """What one connection gives, and the places that it comes to."""
    place = f"{url.rstrip('/')}/v1/tail"
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    if after is not None:
        headers["Last-Event-ID"] = str(after)
    fields = {key: value for key, value in (("q", text), ("where", where)) if value}
    timeout = urllib3.Timeout(connect=_CONNECT_SECONDS, read=_SILENT_SECONDS)
    try:
        answer = urllib3.request(
            "GET",
            place,
            fields=fields,
            headers=headers,
            timeout=timeout,
            retries=False,
            preload_content=False,
        )
        try:
            if answer.status in _AWAY:
                raise _Gone(f"{place} answered {answer.status}")
            if answer.status != 200:
                expect_ok(place, answer)
            yield from _messages(answer)
        finally:
            answer.close()
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        raise _Gone(f"{place} cannot be asked: {told_by_system(error) or error}") from None
    raise _Gone(f"{place} has ended")


def _messages(lines: Iterable[bytes]) -> Iterator[Found | Dropped | Place]:
    place, event, data = Place.newest(), b"", b""
    for line in lines:
        name, _, value = line.rstrip(b"\n").partition(b": ")
        if name == b"id":
            place = read_place(value.decode())
        elif name == b"event":
            event = value
        elif name == b"data":
            data = value
        elif not name and not data:
            yield place
        elif not name and not event:
            yield Found(place, data)
            yield place
        elif not name and event == b"dropped":
            yield Dropped(int(json.loads(data)["count"]))
        if not name:
            event, data = b"", b""

"""Our doors, as candidates: each to /dev/null, to a plain deque, and over HTTP."""

from __future__ import annotations

import http.client
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from backports import zstd

import logweir
from logweir.stdout import StdoutTransport
from tests.benchmarks.candidates import CONTEXT, EVENT, OWN, Candidate, Making, Surroundings, imported
from tests.benchmarks.sink import Sink

DEQUE, NULL = "a deque", "/dev/null"
DURABILITIES = ("memory", "crash", "power")


class DequeSink:
    """The least that could do: an unbounded deque and a thread that posts what is in it, keeping nothing."""

    def __init__(self, sink: Sink) -> None:
        self._lines: deque[bytes] = deque()
        self._connection = http.client.HTTPConnection("127.0.0.1", sink.http_port)
        self._waiting = 0
        threading.Thread(target=self._run, daemon=True).start()

    def put(self, line: bytes, level: str) -> None:
        self._lines.append(line)

    def settle(self) -> None:
        while self._lines or self._waiting:
            time.sleep(0.005)

    def _run(self) -> None:
        while True:
            time.sleep(0.2)
            self._waiting = len(self._lines)
            if self._waiting:
                body = zstd.compress(b"".join(self._lines.popleft() for _ in range(self._waiting)), 1)
                self._connection.request("POST", "/", body)
                self._connection.getresponse().read()
                self._waiting = 0


def configured(destination: str, surroundings: Surroundings) -> Callable[[], object]:
    """Send events there; returns how to wait for them."""
    to: Any = "http"
    durability: Any = destination if destination in DURABILITIES else None
    if destination == DEQUE:
        to = DequeSink(surroundings.sink)
    elif destination == NULL:
        to = StdoutTransport(fd=os.open(os.devnull, os.O_WRONLY))
    logweir.configure(
        "shop",
        environment="bench",
        to=to,
        url=surroundings.sink.url,
        durability=durability,
        spool=surroundings.folder,
    )
    logweir.bind(**CONTEXT)
    return to.settle if destination == DEQUE else settle


def settle() -> None:
    """Wait until all is delivered.

    Raises:
        RuntimeError: something was not; then the figures say nothing.
    """
    if not logweir.flush(60) or logweir.stats()["dropped"]:
        raise RuntimeError(f"not all was delivered: {logweir.stats()}")


def emit(destination: str, surroundings: Surroundings) -> Candidate:
    """The plain function."""
    wait = configured(destination, surroundings)

    def one() -> None:
        logweir.emit(
            "http.request",
            logger="bench",
            http_request_method="GET",
            http_route="/orders/{id}",
            http_response_status_code=200,
            duration_seconds=0.01234,
            client_address="10.0.0.7",
        )

    return Candidate(one, wait)


def get_logger(destination: str, surroundings: Surroundings) -> Candidate:
    """The structlog door."""
    wait = configured(destination, surroundings)
    log = logweir.get_logger("bench")

    def one() -> None:
        log.info(
            "http.request",
            http_request_method="GET",
            http_route="/orders/{id}",
            http_response_status_code=200,
            duration_seconds=0.01234,
            client_address="10.0.0.7",
        )

    return Candidate(one, wait)


def handler(destination: str, surroundings: Surroundings) -> Candidate:
    """The standard library's door."""
    wait = configured(destination, surroundings)
    logger = logging.Logger("bench")
    logger.addHandler(logweir.logging.Handler())
    return Candidate(lambda: logger.info(EVENT, extra=OWN), wait)


def loguru(destination: str, surroundings: Surroundings) -> Candidate:
    """loguru's door."""
    logger = imported("loguru", package="loguru").logger
    logger.remove()
    wait = configured(destination, surroundings)
    logweir.loguru.add(logger)

    def one() -> None:
        logger.info(
            "http.request",
            http_request_method="GET",
            http_route="/orders/{id}",
            http_response_status_code=200,
            duration_seconds=0.01234,
            client_address="10.0.0.7",
        )

    return Candidate(one, wait)


def _making(door: Callable[[str, Surroundings], Candidate], destination: str) -> Making:
    return partial(door, destination)


_DESTINATIONS = (NULL, DEQUE, *DURABILITIES)
DOORS: dict[str, Making] = {
    f"logweir.{name}, {destination}": _making(door, destination)
    for name, door, destinations in (
        ("emit", emit, _DESTINATIONS),
        ("get_logger", get_logger, _DESTINATIONS),
        ("logging.Handler", handler, DURABILITIES),
        ("loguru", loguru, DURABILITIES),
    )
    for destination in destinations
}

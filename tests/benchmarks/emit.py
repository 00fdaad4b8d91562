"""Microseconds of application thread per emitted event, next to the standard library with python-json-logger.

    python -m tests.benchmarks.emit [--quick]

All write to /dev/null, or to a local server in another process, in interleaved rounds; the clock is the
CPU time of the emitting thread. Medians are printed, and their ratios to python-json-logger's faster
formatter. Every event has 12 fields, of its own or from the context; python-json-logger has ``extra``.
"""

from __future__ import annotations

import argparse
import contextlib
import http.server
import logging
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection

from pythonjsonlogger.json import JsonFormatter
from pythonjsonlogger.orjson import OrjsonFormatter

import logweir
from logweir.process import emitter
from logweir.sender import HttpTransport
from logweir.stdout import StdoutTransport

EVENTS_PER_ROUND = 2000
BASELINE = "logging + python-json-logger, OrjsonFormatter"


class Answering(http.server.BaseHTTPRequestHandler):
    """Takes everything and says so."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        answer = b'{"accepted":0,"next_seq":1}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


def stream_logger(formatter: logging.Formatter) -> logging.Logger:
    """A logger of the standard library that writes to /dev/null."""
    logger = logging.Logger("bench")
    handler = logging.StreamHandler(open(os.devnull, "w"))  # noqa: SIM115 - as long as the process lives
    handler.setFormatter(formatter)
    logger.addHandler(handler)
    return logger


OWN = {
    "http_request_method": "GET",
    "http_route": "/orders/{id}",
    "http_response_status_code": 200,
    "duration_seconds": 0.01234,
    "client_address": "10.0.0.7",
}
CONTEXT = {"correlation_id": "4bf92f3577b34da6a3ce929d0e0e4736", "user_id": "48213"}
SETTINGS = {"service": "shop", "environment": "bench"}


def candidates(url: str) -> dict[str, tuple[Callable[[], object], Callable[[], None]]]:
    """Name to (how to set up, how to emit one event)."""
    null = StdoutTransport(fd=os.open(os.devnull, os.O_WRONLY))
    http = HttpTransport(url)
    log = logweir.get_logger("bench")
    handled = logging.Logger("bench")
    handled.addHandler(logweir.logging.Handler())

    def to_null() -> None:
        logweir.configure("shop", environment="bench", to=null)

    def to_http() -> None:
        logweir.configure("shop", environment="bench", to=http)

    def emit() -> None:
        logweir.emit(
            "http.request",
            http_request_method="GET",
            http_route="/orders/{id}",
            http_response_status_code=200,
            duration_seconds=0.01234,
            client_address="10.0.0.7",
        )

    def structured() -> None:
        log.info(
            "http.request",
            http_request_method="GET",
            http_route="/orders/{id}",
            http_response_status_code=200,
            duration_seconds=0.01234,
            client_address="10.0.0.7",
        )

    def through_handler() -> None:
        handled.info("http.request", extra=OWN)

    plain_json = JsonFormatter("%(message)s %(levelname)s %(name)s", timestamp=True)
    plain_orjson = OrjsonFormatter("%(message)s %(levelname)s %(name)s", timestamp=True)
    return {
        "logweir.emit, /dev/null": (to_null, emit),
        "logweir.emit, HTTP": (to_http, emit),
        "logweir.get_logger, /dev/null": (to_null, structured),
        "logweir.get_logger, HTTP": (to_http, structured),
        "logweir.logging.Handler, /dev/null": (to_null, through_handler),
        "logweir.logging.Handler, HTTP": (to_http, through_handler),
        BASELINE: (lambda: None, with_everything(stream_logger(plain_orjson))),
        "logging + python-json-logger, JsonFormatter": (
            lambda: None,
            with_everything(stream_logger(plain_json)),
        ),
    }


def with_everything(logger: logging.Logger) -> Callable[[], None]:
    """One event of the standard library, with all that our context and settings add."""
    extra = SETTINGS | CONTEXT | OWN
    return lambda: logger.info("http.request", extra=extra)


def serve(connection: Connection) -> None:
    """The other process."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    connection.send(server.server_port)
    server.serve_forever()


@contextlib.contextmanager
def answering_server() -> Iterator[str]:
    """The address of a server that takes everything."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(there,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{here.recv()}"
    finally:
        process.terminate()
        process.join()


def microseconds(emit: Callable[[], None]) -> float:
    """Thread CPU per event of one round, after a few to warm up."""
    for _ in range(50):
        emit()
    started = time.thread_time_ns()
    for _ in range(EVENTS_PER_ROUND):
        emit()
    return (time.thread_time_ns() - started) / EVENTS_PER_ROUND / 1000


def measure(rounds: int, url: str) -> dict[str, float]:
    """The median of each candidate's rounds."""
    measured: dict[str, list[float]] = {}
    logweir.bind(**CONTEXT)
    chosen = candidates(url)
    for _ in range(rounds):
        for name, (set_up, emit) in chosen.items():
            set_up()
            measured.setdefault(name, []).append(microseconds(emit))
            emitter().flush(10)
    return {name: statistics.median(values) for name, values in measured.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds: does it run, not how fast")
    rounds = 3 if parser.parse_args(arguments).quick else 25
    with answering_server() as url:
        medians = measure(rounds, url)
        logweir.close()
    lines = [f"{'us of application thread per event':45} {'median':>7} {'ratio':>6}"]
    lines += [f"{name:45} {value:7.2f} {value / medians[BASELINE]:6.2f}" for name, value in medians.items()]
    os.write(1, ("\n".join(lines) + "\n").encode())


if __name__ == "__main__":
    main()

"""The command ``logweir-ship``: carries log lines of a process that cannot send them itself."""

from __future__ import annotations

import argparse
import contextlib
import os
import select
import signal
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Final

import orjson

from logweir import levels
from logweir.drain import drain
from logweir.emitter import Emitter
from logweir.fields import UNNAMED_EVENT
from logweir.notices import Notices
from logweir.post import HttpPost
from logweir.sender import HttpTransport
from logweir.settings import Arguments, Settings, read

DELIVERED, UNDELIVERED, USAGE, CONFIGURATION = 0, 1, 64, 78
DRAIN_SECONDS: Final = 60.0
_URL: Final = "the service's address, such as http://127.0.0.1:7171 (LOGWEIR_URL)"
_TOKEN: Final = "what the service asks for; better given as LOGWEIR_TOKEN"  # noqa: S105 - help, no secret
_SPOOL: Final = "the spool's folder is named by --spool or LOGWEIR_SPOOL"
CHUNK_BYTES: Final = 64 * 1024
"""Read at once: what a pipe holds, and little beside the room that is waited for."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command. Exit codes: 0 all delivered, 1 not all was, 64 usage, 78 configuration."""
    options = _parse(arguments)
    try:
        settings = read(
            Arguments(
                service=options.service,
                url=options.url,
                token=options.token,
                spool=options.spool,
                level="debug",
                durability="memory",
            )
        )
        if settings.url is None:
            raise ValueError("url: say where to send, with --url or LOGWEIR_URL")
    except ValueError as fault:
        sys.stderr.write(f"logweir-ship: {fault}\n")
        return CONFIGURATION
    return (
        _pipe(settings, tee=options.tee) if options.command == "pipe" else _drain(settings, options.seconds)
    )


def _drain(settings: Settings, seconds: float) -> int:
    assert settings.url is not None
    post = HttpPost(settings.url, token=settings.token)
    try:
        drained = drain(settings.spool, post, timeout_seconds=seconds, notices=Notices())
    except FileNotFoundError:
        sys.stderr.write(f"logweir-ship: {settings.spool} does not exist, so nothing waits there\n")
        return DELIVERED
    except OSError as fault:
        advice = "run this as the application's user" if isinstance(fault, PermissionError) else _SPOOL
        sys.stderr.write(f"logweir-ship: {fault.filename}: {fault.strerror}; {advice}\n")
        return CONFIGURATION
    sys.stderr.write(
        f"logweir-ship: {drained.counts.sent} events of {drained.delivered} streams delivered, "
        f"{drained.left} streams left, {drained.in_use} in use\n"
    )
    lost = drained.left or drained.tally.by_reason() or drained.counts.rejected
    return UNDELIVERED if lost else DELIVERED


def _pipe(settings: Settings, *, tee: bool) -> int:
    ending = Ending()
    signal.signal(signal.SIGTERM, ending.tell)
    signal.signal(signal.SIGINT, ending.tell)
    emitter = Emitter(settings)
    assert isinstance(emitter.sink, HttpTransport)
    try:
        for line in _lines(sys.stdin.fileno(), emitter.sink, ending, tee=tee):
            if line.strip():
                _emit(line.strip(), emitter)
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        emitter.close(DRAIN_SECONDS)
    stats = emitter.stats()
    if stats["queued"] or stats["dropped"] or stats["rejected"]:
        sys.stderr.write(f"logweir-ship: not all was delivered: {orjson.dumps(stats).decode()}\n")
        return UNDELIVERED
    return DELIVERED


class Ending:
    """Ends the command by a signal, but only while it waits, so that what it has read is still sent."""

    def __init__(self) -> None:
        self._told = self._waiting = False

    def tell(self, *_: object) -> None:
        """The signals' handler."""
        self._told = True
        if self._waiting:
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def may_interrupt(self) -> Iterator[None]:
        """A block that KeyboardInterrupt ends when the command has been, or is, told to end."""
        self._waiting = True
        try:
            if self._told:
                raise KeyboardInterrupt
            yield
        finally:
            self._waiting = False


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"logweir-ship: {message}\n")


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = _Parser(prog="logweir-ship", description="Carry log lines to a Logweir service.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    pipe = commands.add_parser(
        "pipe",
        help="read lines from standard input until it ends",
        description="Read lines from standard input and send them. A line that is a JSON object is an event; "
        "any other becomes the message of a log.record. Reading waits while the service is away.",
    )
    pipe.add_argument("--url", help=_URL)
    pipe.add_argument("--token", help=_TOKEN)
    pipe.add_argument("--service", help="the name for lines that bring none (LOGWEIR_SERVICE)")
    pipe.add_argument("--tee", action="store_true", help="also write each line to standard output")
    pipe.set_defaults(spool=None)
    drain = commands.add_parser(
        "drain",
        help="send what dead processes have left in a spool",
        description="Send, in order, what processes have left in a spool that were killed, and delete it. "
        "What living processes have there is theirs.",
    )
    drain.add_argument("--url", help=_URL)
    drain.add_argument("--token", help=_TOKEN)
    drain.add_argument("--spool", help="the spool's folder (LOGWEIR_SPOOL)")
    drain.add_argument(
        "--seconds", type=_seconds, default=DRAIN_SECONDS, help=f"give up after so long ({DRAIN_SECONDS:g})"
    )
    drain.set_defaults(service=None)
    return parser.parse_args(arguments)


def _seconds(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 <= (seconds := float(text)) < float("inf"):
            return seconds
    raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")


def _lines(source: int, transport: HttpTransport, ending: Ending, *, tee: bool) -> Iterator[bytes]:
    """The lines of the descriptor `source` until it ends or the command is to end, a begun one included."""
    begun: list[bytes] = []
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            with ending.may_interrupt():
                transport.wait_for_room()
                select.select([source], [], [])
            chunk = os.read(source, CHUNK_BYTES)
            if not chunk:
                break
            if tee:
                sys.stdout.buffer.write(chunk)
                sys.stdout.buffer.flush()
            first, *others = chunk.split(b"\n")
            begun.append(first)
            for following in others:
                yield b"".join(begun)
                begun = [following]
    yield b"".join(begun)


def _emit(line: bytes, emitter: Emitter) -> None:
    try:
        fields = orjson.loads(line)
    except orjson.JSONDecodeError:
        fields = None
    if not isinstance(fields, dict):
        fields = {"message": line.decode("utf-8", "replace")}
    if fields.get("shipped") is True:
        return
    event = fields.pop("event", UNNAMED_EVENT)
    level = levels.normalise(fields.pop("level", "info")) or "info"
    emitter.emit(event, level, fields)


if __name__ == "__main__":
    sys.exit(main())

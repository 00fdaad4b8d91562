"""``logweir tail``."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator

from logweir_service.event import StoredEvent
from logweir_service.find import POLL_SECONDS, Dropped, FlatRows, Found, Query, Tail
from logweir_service.find.query.tail import Told
from logweir_service.journal import DataFolder, Follower
from logweir_service.settings import read_settings

from .asked import add_query
from .commands import Commands
from .stored import write_stored
from .terminal import add_look_options, chosen_look
from .watched import watched

_ROWS_PER_SECOND = 2000
"""A process of its own may take more time than a service can give."""

_STEP_SECONDS = 0.5


def add_to(commands: Commands) -> None:
    """Offer the command."""
    command = commands.add_parser("tail", help="print what a query accepts as it is stored, until Ctrl-C")
    add_query(command)
    add_look_options(command)
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    text = " ".join(options.query)
    if options.url:
        token = options.token or read_settings().read_token
        told: Iterable[Told] = watched(options.url, text, options.where, token=token)
    else:
        folder = DataFolder(read_settings(data=options.data).data)
        folder.identify()
        told = followed(folder, Query(text, where=options.where))
    rows = FlatRows(chosen_look(options))
    for each in told:
        if isinstance(each, Dropped):
            print(f"logweir: {each.count:,} events came too fast and were passed over", file=sys.stderr)
        elif options.json:
            write_stored(each.line)
            sys.stdout.buffer.flush()
        else:
            for line in rows(StoredEvent(each.place.lsn, each.place.index, 0.0, each.line)):
                print(line, flush=True)
    return 0


def followed(folder: DataFolder, query: Query) -> Iterator[Found | Dropped]:
    """What is stored in a folder from this call on, by another process; it has no end."""
    tail = Tail(
        Follower(folder.journal),
        query,
        step_seconds=lambda: _STEP_SECONDS,
        rows_per_second=_ROWS_PER_SECOND,
    )
    return _polled(tail)


def _polled(tail: Tail) -> Iterator[Told]:
    while True:
        yield from tail.poll()
        time.sleep(POLL_SECONDS)

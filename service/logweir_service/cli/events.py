"""``logweir events``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from logweir_service.event import StoredEvent
from logweir_service.find import (
    Bounds,
    Catalogue,
    FlatRows,
    Found,
    Looked,
    Query,
    Scan,
    Spans,
    read_place,
    spans,
)
from logweir_service.journal import DataFolder, JournalReader, newest_first
from logweir_service.settings import read_settings

from .asked import add_query, moment, refusing
from .commands import Commands
from .outcome import INTERRUPTED, NOTHING_FOUND
from .progress import Progress
from .searched import Wanted, searched
from .stored import write_stored
from .terminal import add_look_options, chosen_look

Told: TypeAlias = StoredEvent | Looked


def add_to(commands: Commands) -> None:
    """Offer the command."""
    command = commands.add_parser("events", help="print the events that a query accepts, oldest first")
    add_query(command)
    command.add_argument(
        "--since", metavar="TIME", type=moment, help="an age such as 15m, 1h, 7d, or RFC 3339"
    )
    command.add_argument("--until", metavar="TIME", type=moment, help="the same")
    command.add_argument(
        "--limit", metavar="N", type=refusing(_limit), default=1000, help="the newest N: 1000"
    )
    command.add_argument(
        "--before", metavar="CURSOR", type=refusing(read_place), help="go on where an earlier call has ended"
    )
    command.add_argument("--reverse", action="store_true", help="newest first, each as soon as it is found")
    add_look_options(command)
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    wanted = Wanted(
        text=" ".join(options.query),
        where=options.where,
        since=options.since,
        until=options.until,
        before=options.before,
        limit=options.limit,
    )
    if options.url:
        told: Iterable[Told] = searched(
            options.url, wanted, token=options.token or read_settings().read_token
        )
    else:
        told = _scanned(DataFolder(read_settings(data=options.data).data), wanted)
    return _Output(options).write(told)


def _limit(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ValueError("is no number of events, which is 1 or more")
    return int(text)


def _scanned(folder: DataFolder, wanted: Wanted) -> Iterator[Told]:
    """What a folder holds, which a service may be writing to."""
    journal = folder.identify()
    bounds = Bounds(wanted.since, wanted.until, wanted.before, wanted.limit, max_bytes=None)
    known: Spans = {}
    if wanted.since is not None or wanted.until is not None:
        reader = JournalReader(folder.journal, journal)
        known = spans(Catalogue(journal, folder.journal, reader.segments, folder.index))
    query = Query(wanted.text, where=wanted.where)
    for each in Scan(newest_first(folder.journal), query, bounds, span=known.get):
        yield (
            StoredEvent(each.place.lsn, each.place.index, 0.0, each.line) if isinstance(each, Found) else each
        )


class _Output:
    """Writes what was found, and says what is missing of it."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._is_json: bool = options.json
        self._reverse: bool = options.reverse
        self._rows = FlatRows(chosen_look(options))
        self._limit: int = options.limit

    def write(self, told: Iterable[Told]) -> int:
        """Write all of it; the exit code."""
        waiting: list[StoredEvent] = []
        count, looked, was_interrupted = 0, None, False
        try:
            with Progress("looking", 1000) as progress:
                for each in told:
                    if isinstance(each, Looked):
                        looked = each
                        progress(int(each.share * 1000))
                        continue
                    count += 1
                    if self._reverse:
                        self._event(each)
                    else:
                        waiting.append(each)
        except KeyboardInterrupt:
            was_interrupted = True
        for event in reversed(waiting):
            self._event(event)
        sys.stdout.flush()
        self._say_what_is_missing(count, looked)
        if was_interrupted:
            return INTERRUPTED
        return 0 if count else NOTHING_FOUND

    def _event(self, event: StoredEvent) -> None:
        if self._is_json:
            write_stored(event.line)
            return
        for line in self._rows(event):
            print(line)

    def _say_what_is_missing(self, count: int, looked: Looked | None) -> None:
        if looked is not None and looked.partial == "removed":
            print("logweir: events were removed by retention while this looked for them", file=sys.stderr)
        if looked is not None and looked.next is not None:
            which = "the newest event is" if count == 1 else f"the newest {count} events are"
            which = which if count else "nothing is"
            print(f"logweir: {which} shown; for those before add --before {looked.next}", file=sys.stderr)
        elif not count:
            print("logweir: no such event is stored", file=sys.stderr)

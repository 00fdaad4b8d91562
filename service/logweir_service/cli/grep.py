"""``logweir grep``."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

from logweir_service.event import StoredEvent
from logweir_service.find import MAX_ID, IdKind, render_rows, render_story, timeline, visible
from logweir_service.journal import DataFolder
from logweir_service.settings import read_settings

from .asked import moment, refusing
from .commands import Commands, add_data_option, service_url
from .following import News, news_of_folder, news_of_service
from .looked_up import LookedUp, LookUp, Wanted, at_service, by_any_id, in_folder
from .outcome import NOTHING_FOUND, USAGE
from .stored import write_stored
from .terminal import add_look_options, chosen_look, rows_on_screen

_NAMES: dict[IdKind, str] = {
    "correlation_id": "",
    "trace_id": "trace ",
    "event_id": "event ",
    "user_id": "user ",
}


def add_to(commands: Commands) -> None:
    """Offer the command."""
    command = commands.add_parser("grep", help="print everything of one id as a story")
    command.add_argument(
        "id",
        metavar="ID",
        type=refusing(_id),
        help="a correlation id; where nothing has it, a trace id, or an event id",
    )
    kinds = command.add_mutually_exclusive_group()
    for kind in _NAMES:
        option = f"--{kind.replace('_', '-')}"
        told = f"look for it as {kind.replace('_id', ' id')} alone"
        kinds.add_argument(option, dest="kind", action="store_const", const=kind, help=told)
    command.add_argument(
        "--since", metavar="TIME", type=moment, help="an age such as 15m, 1h, 7d, or RFC 3339"
    )
    command.add_argument("--until", metavar="TIME", type=moment, help="the same")
    command.add_argument("--limit", metavar="N", type=refusing(_limit), help="the first N events: all")
    command.add_argument(
        "--follow", action="store_true", help="go on with what is stored later, until Ctrl-C"
    )
    add_data_option(command)
    command.add_argument("--url", type=service_url, help="ask a running service instead of the folder")
    command.add_argument("--token", help="a read token for --url, else LOGWEIR_READ_TOKEN")
    command.add_argument("--json", action="store_true", help="the events as they are stored, one per line")
    add_look_options(command)
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    if options.follow and (options.until or options.limit):
        print("logweir grep: --follow has no end; leave out --until and --limit", file=sys.stderr)
        return USAGE
    look_up, follow = _at_service(options) if options.url else _in_folder(options)
    news = follow() if options.follow else None
    wanted = Wanted(options.id, options.kind or "correlation_id", options.since, options.until, options.limit)
    if options.kind is None:
        kind, found = by_any_id(look_up, wanted)
    else:
        kind, found = wanted.kind, look_up(wanted)
    _say_how_it_was_found(options, kind, found)
    output = _Output(options, f"{_NAMES[kind]}{options.id}" if kind != "correlation_id" else "")
    output.story(found.events)
    if news is not None:
        for events in news:
            output.goes_on(events)
    return 0 if found.events else NOTHING_FOUND


def _at_service(options: argparse.Namespace) -> tuple[LookUp, Callable[[], News]]:
    token = options.token or read_settings().read_token
    follow = partial(news_of_service, options.url, options.kind, options.id, token=token)
    return at_service(options.url, token=token), follow


def _in_folder(options: argparse.Namespace) -> tuple[LookUp, Callable[[], News]]:
    folder = DataFolder(read_settings(data=options.data).data)
    return in_folder(folder), partial(news_of_folder, folder, options.kind, options.id)


class _Output:
    """Writes a story, and what it goes on with."""

    def __init__(self, options: argparse.Namespace, title: str) -> None:
        self._is_json: bool = options.json
        self._look = chosen_look(options)
        self._rows_on_screen = None if options.follow else rows_on_screen()
        self._title = title
        self._events: list[StoredEvent] = []
        self._looked_up: Counter[bytes] = Counter()

    def story(self, events: Sequence[StoredEvent]) -> None:
        """Write what was looked up."""
        self._events += events
        self._looked_up.update(event.line for event in events)
        if self._is_json:
            self._lines(events)
            return
        for text in render_story(
            timeline(events), self._look, title=self._title, rows_on_screen=self._rows_on_screen
        ):
            print(text)
        sys.stdout.flush()

    def goes_on(self, events: Sequence[StoredEvent]) -> None:
        """Write what came later, but for what was looked up too."""
        new = [event for event in events if not self._is_looked_up(event)]
        self._events += new
        if self._is_json:
            self._lines(new)
            return
        for text in render_rows(timeline(self._events), self._look, only={(e.lsn, e.index) for e in new}):
            print(text)
        sys.stdout.flush()

    def _is_looked_up(self, event: StoredEvent) -> bool:
        """Whether it is one of those, which a service tells without their places."""
        if not self._looked_up[event.line]:
            return False
        self._looked_up[event.line] -= 1
        return True

    def _lines(self, events: Sequence[StoredEvent]) -> None:
        for event in events:
            write_stored(event.line)
        sys.stdout.flush()


def _say_how_it_was_found(options: argparse.Namespace, kind: IdKind, found: LookedUp) -> None:
    """On stderr what stdout alone would leave people to guess."""
    name = visible(options.id)
    if not found.events:
        within = " in that time" if options.since or options.until else ""
        waits = " yet" if options.follow else ""
        print(f"logweir: nothing is stored under {_NAMES[kind]}{name}{within}{waits}", file=sys.stderr)
    elif options.kind is None and kind != "correlation_id":
        told = f"{name} is no correlation id; shown is what has it as its {kind.replace('_', ' ')}"
        print(f"logweir: {told}", file=sys.stderr)
    if found.has_more:
        print(f"logweir: only the first {len(found.events):,} events are shown", file=sys.stderr)
    if found.partial == "removed":
        print("logweir: events were removed by retention while this looked for them", file=sys.stderr)
    elif found.partial is not None:
        print("logweir: time ran out before everything was looked at", file=sys.stderr)
    sys.stderr.flush()


def _id(text: str) -> str:
    if not 1 <= len(text) <= MAX_ID:
        raise ValueError(f"an id has 1 to {MAX_ID} characters")
    return text


def _limit(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ValueError("is no number of events, which is 1 or more")
    return int(text)

"""``logweir grep``."""

from __future__ import annotations

import argparse
import sys

import msgspec

from logweir_service.event import StoredEvent
from logweir_service.find import Stories, render_story, timeline, visible, visible_json
from logweir_service.journal import DataFolder, JournalReader
from logweir_service.settings import read_settings

from .ask import ask
from .commands import Commands, add_data_option
from .outcome import NOTHING_FOUND
from .terminal import add_look_options, chosen_look, rows_on_screen


def add_to(commands: Commands) -> None:
    """Offer the command."""
    command = commands.add_parser("grep", help="print everything of one correlation id, in order")
    command.add_argument("correlation_id", metavar="ID")
    add_data_option(command)
    command.add_argument("--url", help="ask a running service instead of the folder")
    command.add_argument("--token", help="a read token for --url, else LOGWEIR_READ_TOKEN")
    command.add_argument("--json", action="store_true", help="the events as they are stored, one per line")
    add_look_options(command)
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    if options.url:
        events = _asked(options.url, options.token or read_settings().read_token, options.correlation_id)
    else:
        folder = DataFolder(read_settings(data=options.data).data)
        stories = Stories(JournalReader(folder.journal, folder.identify()))
        events = stories(options.correlation_id)
    if options.json:
        for event in events:
            line = visible_json(event.line) if sys.stdout.isatty() else event.line
            sys.stdout.buffer.write(line + b"\n")
    else:
        for text in render_story(timeline(events), chosen_look(options), rows_on_screen=rows_on_screen()):
            print(text)
    if not events:
        print(f"logweir: nothing is stored under {visible(options.correlation_id)}", file=sys.stderr)
        return NOTHING_FOUND
    return 0


class _Answer(msgspec.Struct):
    events: list[msgspec.Raw]
    truncated: bool


def _asked(url: str, token: str, correlation_id: str) -> list[StoredEvent]:
    """The stored events, from a running service."""
    answer = ask(url, "/v1/events", token=token, fields={"correlation_id": correlation_id})
    content = msgspec.json.decode(answer, type=_Answer)
    if content.truncated:
        print(f"logweir: only the first {len(content.events)} events are shown", file=sys.stderr)
    return [StoredEvent(0, place, 0.0, bytes(event)) for place, event in enumerate(content.events)]

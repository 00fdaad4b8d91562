"""``logweir dead retry``."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

from logweir_service.cli.commands import Commands, add_data_option, service_url
from logweir_service.cli.outcome import FAILED, NOTHING_FOUND, USAGE
from logweir_service.cli.send import Receiver
from logweir_service.dead import Letter, Repairs, Retried, Unsendable, letters, sendable
from logweir_service.decode import LineJudge, Refused
from logweir_service.find import visible
from logweir_service.settings import read_settings

from .place import letter_folder, letter_id


def add_to(commands: Commands) -> None:
    """Offer the command."""
    command = commands.add_parser("retry", help="send refused events again")
    command.add_argument("ids", nargs="*", metavar="ID", type=letter_id)
    command.add_argument("--all", action="store_true", help="all that were not accepted since")
    command.add_argument("--code", help="only those refused with this code")
    command.add_argument(
        "--set",
        action="append",
        default=[],
        type=_repair,
        metavar="FIELD=TEXT",
        help="give a field this text, or with FIELD:=JSON this value; can be given again",
    )
    command.add_argument("--url", type=service_url, required=True, help="the service to send them to")
    command.add_argument("--token", help="what the service asks for, else LOGWEIR_TOKEN")
    add_data_option(command)
    command.set_defaults(run=_run)


def _repair(text: str) -> tuple[str, Any]:
    """The field and its value that ``FIELD=TEXT`` or ``FIELD:=JSON`` states."""
    field, equals, value = text.partition("=")
    is_json = field.endswith(":")
    field = field.removesuffix(":")
    if not equals or not field:
        raise argparse.ArgumentTypeError("must read FIELD=TEXT or FIELD:=JSON")
    try:
        return field, json.loads(value) if is_json else value
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{value} is no JSON: {error}") from None


def _run(options: argparse.Namespace) -> int:
    if not options.ids and not options.all and options.code is None:
        print("logweir dead retry: name letters by ID, by --code, or --all", file=sys.stderr)
        return USAGE
    journal, folder = letter_folder(options.data)
    retried = Retried(folder)
    home = retried.ids()
    wanted = [*_wanted(letters(folder), options, home=home)]
    missing = {*options.ids}.difference(letter.id for letter in wanted)
    for each in sorted(missing):
        why = "it was accepted since" if each in home else "no letter with this id, or with this code"
        print(f"logweir: nothing to send for {each}: {why}", file=sys.stderr)
    if not wanted:
        print(f"logweir: no such dead letters in {folder}", file=sys.stderr)
        return NOTHING_FOUND
    retried.note(())  # better to fail before anything is sent
    receiver = Receiver(options.url, options.token or read_settings().token)
    accepted = _send(wanted, receiver, retried, repairs=dict(options.set), journal=journal)
    print(f"{accepted} of {len(wanted)} accepted")
    return 0 if accepted == len(wanted) and not missing else FAILED


def _wanted(found: Iterable[Letter], options: argparse.Namespace, *, home: set[int]) -> Iterator[Letter]:
    for letter in found:
        is_chosen = letter.id in options.ids or not options.ids
        if is_chosen and letter.id not in home and options.code in (None, letter.code):
            yield letter


def _send(
    wanted: Iterable[Letter], receiver: Receiver, retried: Retried, *, repairs: Repairs, journal: UUID
) -> int:
    """Send letters, print what became of each, note those accepted, and say how many these were.

    What would be refused again is not sent: the service would keep it once more, as another letter.
    """
    judge = LineJudge(receiver.limits)
    lines: dict[int, bytes] = {}
    for letter in wanted:
        try:
            line = sendable(letter, repairs=repairs, journal=journal)
            judge.judge(line, received=time.time(), numbered=False)
        except Unsendable as reason:
            print(f"{letter.id}: not sent, {reason}")
        except Refused as verdict:
            print(f"{letter.id}: not sent, {visible(f'{verdict.code}: {verdict.message}')}")
        else:
            lines[letter.id] = line
    accepted = 0
    for batch in receiver.batches(lines):
        refused = receiver.send([lines[each] for each in batch])
        home = [each for index, each in enumerate(batch) if index not in refused]
        retried.note(home)
        accepted += len(home)
        for index, each in enumerate(batch):
            print(f"{each}: {visible(refused.get(index, 'accepted'))}")
    return accepted

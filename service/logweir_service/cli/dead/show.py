"""``logweir dead show``."""

from __future__ import annotations

import argparse
import sys

from logweir_service.cli.commands import Commands, add_data_option
from logweir_service.cli.outcome import NOTHING_FOUND
from logweir_service.dead import Letter, Retried, find_letter
from logweir_service.find import visible

from .place import letter_folder, letter_id


def add_to(commands: Commands) -> None:
    """Offer the command."""
    command = commands.add_parser("show", help="print one refused event and why it was refused")
    command.add_argument("id", metavar="ID", type=letter_id)
    add_data_option(command)
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    _, folder = letter_folder(options.data)
    letter = find_letter(folder, options.id)
    if letter is None:
        print(f"logweir: there is no dead letter {options.id} in {folder}", file=sys.stderr)
        return NOTHING_FOUND
    for name, text in _told(letter, is_home=letter.id in Retried(folder).ids()):
        print(f"{name:9} {visible(text)}")
    print(visible(letter.raw.decode(errors="backslashreplace")))
    return 0


def _told(letter: Letter, *, is_home: bool) -> list[tuple[str, str]]:
    told = [("received", letter.when), ("code", letter.code)]
    if letter.field is not None:
        told.append(("field", letter.field))
    told.append(("message", letter.message))
    stream = "none" if letter.stream is None else f"{letter.stream}, number {letter.number}"
    told.append(("stream", stream))
    if letter.truncated:
        told.append(("line", f"only its first {len(letter.raw)} bytes are kept"))
    if is_home:
        told.append(("retried", "accepted since"))
    return told

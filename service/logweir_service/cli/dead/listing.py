"""``logweir dead ls``."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator

from logweir_service.cli.commands import Commands, add_data_option
from logweir_service.cli.outcome import NOTHING_FOUND
from logweir_service.dead import Letter, Retried, encode_letter, letters
from logweir_service.find import visible
from logweir_service.lenient import read_object

from .place import letter_folder

_EXCERPT_CHARACTERS = 80
_HEAD = ("id", "received (UTC)", "code", "field", "service", "line")


def add_to(commands: Commands) -> None:
    """Offer the command."""
    command = commands.add_parser("ls", help="list refused events and why they were refused")
    add_data_option(command)
    command.add_argument("--code", help="only those refused with this code")
    command.add_argument("--all", action="store_true", help="also those that a retry has brought home")
    command.add_argument("--json", action="store_true", help="the letters as they are kept, one per line")
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    _, folder = letter_folder(options.data)
    home = Retried(folder).ids()
    gone = set() if options.all else home
    counts: Counter[str] = Counter()
    for letter in letters(folder):
        if letter.id in gone or options.code not in (None, letter.code):
            continue
        if options.json:
            sys.stdout.buffer.write(encode_letter(letter))
        else:
            if not counts:
                print(_row(_HEAD))
            print(_row(_cells(letter, is_home=letter.id in home)))
        counts[letter.code] += 1
    if not counts:
        print(f"logweir: no dead letters in {folder}", file=sys.stderr)
        return NOTHING_FOUND
    if not options.json:
        print(visible(", ".join(_sums(counts))))
        if home and options.all:
            print("* accepted since, by a retry")
    return 0


def _row(cells: tuple[str, ...]) -> str:
    number, *texts, line = (visible(cell) for cell in cells)
    widths = (19, 15, 14, 16)
    return "  ".join([f"{number:>6}", *map(str.ljust, texts, widths), line]).rstrip()


def _cells(letter: Letter, *, is_home: bool) -> tuple[str, ...]:
    start = letter.raw[: 4 * _EXCERPT_CHARACTERS].decode(errors="backslashreplace")
    excerpt = start if len(start) <= _EXCERPT_CHARACTERS else f"{start[:_EXCERPT_CHARACTERS]}..."
    when = letter.when[:19].replace("T", " ")
    number = f"{letter.id}{'*' if is_home else ''}"
    return number, when, letter.code, letter.field or "-", _service(letter), excerpt


def _service(letter: Letter) -> str:
    """Whose event it was, as far as that can be read."""
    try:
        service = read_object(letter.raw).get("service")
    except ValueError:
        return "-"
    return service if isinstance(service, str) else "-"


def _sums(counts: Counter[str]) -> Iterator[str]:
    yield f"{counts.total()} {'letter' if counts.total() == 1 else 'letters'}"
    for code, count in counts.most_common():
        yield f"{count} {code}"

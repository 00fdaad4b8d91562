"""``logweir erase``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import Final

from logweir_service.journal import DataFolder
from logweir_service.pipeline import Erasure, ErasureFound, User
from logweir_service.settings import read_settings

from .commands import Commands, add_data_option
from .outcome import NOTHING_FOUND

_NAMED: Final = 3
"""Segments that are named where many hold the id elsewhere."""


def add_to(commands: Commands) -> None:
    """Offer the command."""
    command = commands.add_parser("erase", help="remove what is stored of a user")
    command.add_argument("--user", metavar="ID", required=True, help="whose events: those with this user_id")
    command.add_argument(
        "--stories", action="store_true", help="all events of every story in which the user appears"
    )
    command.add_argument("--dry-run", action="store_true", help="say what would go, and change nothing")
    add_data_option(command)
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    folder = DataFolder(read_settings(data=options.data).data)
    journal = folder.identify()
    if not options.user:
        raise ValueError("the user's id is empty")
    if not options.dry_run:
        folder.claim()
    try:
        erasure = Erasure(folder, journal, User(options.user))
        if not options.dry_run:
            erasure.require_covered()
        if options.stories:
            erasure = erasure.with_stories()
        found = [*erasure.look()]
        letters = erasure.letters()
        if not options.dry_run:
            for each in erasure.erase(found):
                print(f"{each.segment.path.name}: {_count(each.events, 'event')} removed", flush=True)
            erasure.letters(erase=True)
        return _told(options, erasure, found, letters)
    finally:
        folder.release(in_order=not folder.killed_pid)


def _told(options: argparse.Namespace, erasure: Erasure, found: Sequence[ErasureFound], letters: int) -> int:
    events = sum(each.events for each in found)
    if options.dry_run:
        for each in found:
            if each.events:
                print(f"{each.segment.path.name}: {_count(each.events, 'event')} would be removed")
    what = "would be removed" if options.dry_run else "removed"
    print(f"{_count(events, 'event')} and {_count(letters, 'dead letter')} {what}")
    for line in _left(erasure, found):
        print(f"logweir: {line}", file=sys.stderr)
    return 0 if events or letters else NOTHING_FOUND


def _left(erasure: Erasure, found: Sequence[ErasureFound]) -> Iterator[str]:
    """What holds the id still."""
    mentions = sum(each.mentions for each in found)
    if mentions:
        names = [each.segment.path.name for each in found if each.mentions]
        more = f" and {_count(len(names) - _NAMED, 'more segment')}" if len(names) > _NAMED else ""
        named = ", ".join(names[:_NAMED]) + more
        yield f"{_count(mentions, 'other line')} of {named} with the id elsewhere stay"
    for path in erasure.damaged():
        yield f"{path} was kept because it is damaged, and is not looked into: remove it"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"

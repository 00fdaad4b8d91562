"""``logweir check``."""

from __future__ import annotations

import argparse
import sys

from logweir_service.errors import RulesError
from logweir_service.rules import load

from .commands import Commands
from .outcome import FAILED


def add_to(commands: Commands) -> None:
    """Offer the command."""
    command = commands.add_parser("check", help="check rule files")
    command.add_argument("rules", nargs="+", metavar="RULES", help="files, folders, or packs")
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    try:
        rules = load(options.rules)
    except RulesError as error:
        print(error, file=sys.stderr)
        return FAILED
    print(f"well-formed: {len(rules.metrics)} metrics, {len(rules.promote)} rules for promotion")
    if rules.not_applied:
        print(f"read, and not applied yet: {', '.join(rules.not_applied)}")
    return 0

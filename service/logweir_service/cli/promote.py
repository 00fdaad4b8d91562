"""``logweir promote``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from logweir_service.promote import dry_run, envelope_text
from logweir_service.rules import load
from logweir_service.settings import read_settings

from .commands import Commands, add_rules_option
from .outcome import NOTHING_FOUND


def add_to(commands: Commands) -> None:
    """Offer the command."""
    command = commands.add_parser("promote", help="show the Sentry events that stored events become")
    command.add_argument(
        "events", metavar="EVENTS.ndjson", help="as `logweir grep ID --json` prints them; - reads stdin"
    )
    command.add_argument("--dry-run", action="store_true", required=True, help="print and send nothing")
    add_rules_option(command)
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    text = sys.stdin.buffer.read() if options.events == "-" else Path(options.events).read_bytes()
    settings = read_settings(rules=options.rules)
    rules = load(settings.rule_sources, pack_labels=settings.pack_label_names)
    found = [envelope_text(event) for event in dry_run(text.split(b"\n"), rules.promote)]
    print(*found, sep="\n")
    if not found:
        print("logweir: no rule promotes any of these events", file=sys.stderr)
        return NOTHING_FOUND
    return 0

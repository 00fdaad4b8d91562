"""``logweir dead``: looking at refused events, and sending them again."""

from __future__ import annotations

from logweir_service.cli.commands import Commands

from . import listing, retry, show


def add_to(commands: Commands) -> None:
    """Offer the commands."""
    family = commands.add_parser("dead", help="look at refused events, and send them again")
    below = family.add_subparsers(required=True, metavar="COMMAND", parser_class=type(family))
    for command in (listing, show, retry):
        command.add_to(below)

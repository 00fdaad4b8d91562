"""What every command adds itself to."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib import import_module
from typing import Any, TypeAlias

Commands: TypeAlias = "argparse._SubParsersAction[Any]"
"""The commands of one parser; each takes its own options and sets ``run``."""


def add_commands(commands: Commands, package: str, names: str, *, chosen: Sequence[str]) -> None:
    """Offer the modules of `package` with these names; that alone which `chosen` begins with, if it does.

    So a command waits for no import of another's: these take longer than most commands.
    """
    known = names.split()
    for name in known if not chosen or chosen[0] not in known else chosen[:1]:
        import_module(f"{package}.{name}").add_to(commands)


def add_data_option(command: argparse.ArgumentParser) -> None:
    """Let a command be told which data folder to read."""
    command.add_argument("--data", metavar="FOLDER", help="LOGWEIR_DATA, else ./data")


def service_url(text: str) -> str:
    """The type of an option that takes a service's address; without a scheme it is one of HTTP."""
    scheme, mark, _ = text.partition("://")
    if mark and scheme.lower() not in ("http", "https"):
        raise argparse.ArgumentTypeError(f"'{text}' is no address such as http://127.0.0.1:7171")
    return text if mark else f"http://{text}"


def add_rules_option(command: argparse.ArgumentParser) -> None:
    """Let a command be told which rules are in force."""
    command.add_argument("--rules", metavar="RULES", help="LOGWEIR_RULES, else packs")

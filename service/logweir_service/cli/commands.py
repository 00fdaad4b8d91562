"""What every command adds itself to."""

from __future__ import annotations

import argparse
from typing import TypeAlias

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""The commands of one parser; each takes its own options and sets ``run``."""


def add_data_option(command: argparse.ArgumentParser) -> None:
    """Let a command be told which data folder to read."""
    command.add_argument("--data", metavar="FOLDER", help="LOGWEIR_DATA, else ./data")


def add_rules_option(command: argparse.ArgumentParser) -> None:
    """Let a command be told which rules are in force."""
    command.add_argument("--rules", metavar="RULES", help="LOGWEIR_RULES, else packs")

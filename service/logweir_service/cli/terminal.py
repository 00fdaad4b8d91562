"""How a command's output looks where it goes: colours and width on a terminal, neither in a file."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from typing import TextIO

from logweir_service.find import Look


def add_look_options(command: argparse.ArgumentParser) -> None:
    """Let a command be told how its output looks."""
    command.add_argument(
        "--color",
        choices=("auto", "always", "never"),
        default="auto",
        help="auto: on a terminal, unless NO_COLOR is set",
    )
    command.add_argument("--wide", action="store_true", help="do not cut lines where the terminal ends")


def chosen_look(options: argparse.Namespace, stream: TextIO | None = None) -> Look:
    """How lines look on `stream`, which is stdout where none is given."""
    out = stream or sys.stdout
    is_terminal = out.isatty() and os.environ.get("TERM") != "dumb"
    colour = is_terminal and not os.environ.get("NO_COLOR")
    width = shutil.get_terminal_size().columns if out.isatty() and not options.wide else None
    draws = (out.encoding or "").lower().replace("-", "") == "utf8"
    return Look(
        colour=colour if options.color == "auto" else options.color == "always",
        width=width,
        bar="━" if draws else "=",
        dot="•" if draws else ".",
        cut="…" if draws else "...",
    )


def rows_on_screen(stream: TextIO | None = None) -> int | None:
    """How many lines a terminal shows at once; None where `stream`, or stdout, is none."""
    return shutil.get_terminal_size().lines if (stream or sys.stdout).isatty() else None

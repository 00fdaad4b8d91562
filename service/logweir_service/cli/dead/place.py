"""Where letters lie, and how they are chosen."""

from __future__ import annotations

import argparse
from pathlib import Path
from uuid import UUID

from logweir_service.journal import DataFolder
from logweir_service.settings import read_settings


def letter_folder(data: str | None) -> tuple[UUID, Path]:
    """The identity of a data folder's journal, and the folder of its letters.

    Raises:
        ConfigurationError: no service has ever used it.
    """
    folder = DataFolder(read_settings(data=data).data)
    return folder.identify(), folder.dead


def letter_id(text: str) -> int:
    """The id that an argument states: a number, never a path."""
    if not (text.isascii() and text.isdecimal() and 0 < len(text) < 20):
        raise argparse.ArgumentTypeError("an id is a number, as `logweir dead ls` shows it")
    return int(text)

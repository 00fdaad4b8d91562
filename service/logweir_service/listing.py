"""Listing a folder so that one which cannot be read is not taken for an empty one."""

from __future__ import annotations

import os
from fnmatch import fnmatchcase
from pathlib import Path


def listed(folder: Path, pattern: str) -> list[Path]:
    """The entries of a folder whose names match, in no order; none where there is no such folder.

    `Path.glob` gives nothing where this user may not read, or raises, as the version of Python will have it.

    Raises:
        OSError: the folder cannot be read; it names it.
    """
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    return [folder / name for name in names if fnmatchcase(name, pattern)]

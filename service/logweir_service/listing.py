"""Listing a folder so that one which cannot be read is not taken for an empty one."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path


def listed(folder: Path, pattern: str) -> list[Path]:
    """The entries of a folder whose names match, in no order; none where there is no such folder.

    `Path.glob` gives nothing where this user may not read, or raises, as the version of Python will have it.

    Raises:
        OSError: the folder cannot be read; it names it.
    """
    try:
        found = [*folder.iterdir()]
    except FileNotFoundError:
        return []
    return [path for path in found if fnmatchcase(path.name, pattern)]

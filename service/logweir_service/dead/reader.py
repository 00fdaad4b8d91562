"""Reading letters without owning them, also while the service writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from logweir_service.listing import listed

from .letter import Letter, decode_letter
from .retried import Retried

_CHUNK_BYTES = 1 << 20


class LetterFile(NamedTuple):
    """A file of letters; names tell the order."""

    first_id: int
    path: Path

    @classmethod
    def named(cls, folder: Path, first_id: int) -> LetterFile:
        """The file in `folder` that begins with letter `first_id`."""
        return cls(first_id, folder / f"{first_id:020}.ndjson")


def letter_files(folder: Path) -> list[LetterFile]:
    """The files of letters in `folder`, oldest first; none where there is no such folder."""
    found = (path for path in listed(folder, "*.ndjson") if path.stem.isdecimal() and len(path.stem) == 20)
    return sorted(LetterFile(int(path.stem), path) for path in found)


def letters(folder: Path) -> Iterator[Letter]:
    """Every letter, oldest first, read as it is asked for; what is torn or damaged is passed over."""
    for file in letter_files(folder):
        yield from _read(file)


class Tally(NamedTuple):
    """How many letters a folder holds."""

    kept: int
    retried: int
    """Of these, accepted by a retry since."""
    bytes: int


def tally(folder: Path) -> Tally:
    """Count them, by lines."""
    files = letter_files(folder)
    kept = size = 0
    for file in files:
        try:
            with file.path.open("rb", buffering=0) as lines:
                while chunk := lines.read(_CHUNK_BYTES):
                    kept += chunk.count(b"\n")
                    size += len(chunk)
        except FileNotFoundError:
            continue  # made room for new letters meanwhile
    retried = sum(each >= files[0].first_id for each in Retried(folder).ids()) if files else 0
    return Tally(kept, retried, size)


def find_letter(folder: Path, letter_id: int) -> Letter | None:
    """The letter with this id, if it is still kept."""
    before = [file for file in letter_files(folder) if file.first_id <= letter_id]
    found = (letter for file in before[-1:] for letter in _read(file) if letter.id == letter_id)
    return next(found, None)


def _read(file: LetterFile) -> Iterator[Letter]:
    try:
        with file.path.open("rb") as lines:
            for line in lines:
                if line.endswith(b"\n") and (letter := decode_letter(line)) is not None:
                    yield letter
    except FileNotFoundError:
        return  # the oldest file made room for new letters meanwhile

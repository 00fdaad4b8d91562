"""Taking what letters hold of somebody out of them; their ids, and why they were refused, stay."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from logweir_service.disk import Disk, replace_durably

from .letter import decode_letter, encode_letter
from .reader import letter_files

_ERASED: Final = "erased"


def erase_letters(folder: Path, *, disk: Disk | None, takes: Callable[[bytes], bool]) -> int:
    """Empty the letters whose line `takes` says so, and return how many; without a disk they are counted.

    Raises:
        OSError: each file is as it was, or has all of its letters emptied.
    """
    total = 0
    for file in letter_files(folder):
        lines = file.path.read_bytes().splitlines(keepends=True)
        found = 0
        for place, line in enumerate(lines):
            letter = decode_letter(line)
            if letter is None or not letter.raw or not takes(letter.raw):
                continue
            found += 1
            lines[place] = encode_letter(
                msgspec.structs.replace(
                    letter, message=_ERASED, field=None, line="", line_base64=None, truncated=True
                )
            )
        if found and disk is not None:
            replace_durably(disk, file.path, *lines)
        total += found
    return total

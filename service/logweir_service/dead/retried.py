"""Which letters a retry has brought home."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

_ID_DIGITS = 20


class Retried:
    """The ids of letters that a service has accepted since: a file that is only appended to.

    Every line has the same length, so a torn one names no other letter.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "retried"

    def ids(self) -> set[int]:
        """All of them; none where nothing was retried yet."""
        try:
            lines = self._path.read_bytes().split(b"\n")[:-1]
        except FileNotFoundError:
            return set()
        return {int(line) for line in lines if len(line) == _ID_DIGITS and line.isdigit()}

    def note(self, ids: Iterable[int]) -> None:
        """Add ids, durably; with none it shows whether that can be done.

        Raises:
            OSError: it cannot.
        """
        file = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            size = os.fstat(file).st_size
            torn = size > 0 and os.pread(file, 1, size - 1) != b"\n"
            text = b"\n" * torn + b"".join(b"%0*d\n" % (_ID_DIGITS, each) for each in ids)
            while text:
                text = text[os.write(file, text) :]
            os.fdatasync(file)
        finally:
            os.close(file)

"""Writing events as they are stored."""

from __future__ import annotations

import sys

from logweir_service.find import visible_json


def write_stored(line: bytes) -> None:
    """Write a stored line to stdout: byte for byte, but on a terminal with what could steer that escaped."""
    sys.stdout.buffer.write((visible_json(line) if sys.stdout.isatty() else line) + b"\n")

"""Files that whoever writes rules has named."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

from logweir_service.errors import told_by_system

from .document import Node, Problems

MAX_FILE_BYTES: Final = 5_000_000


def read_text(path: Path, problems: Problems) -> str | None:
    """The text of a file; None and a problem where there is none to use."""
    here = Node(str(path), 0, None)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)  # a device has no size, and no end
    except (OSError, ValueError) as error:  # Python itself takes no NUL in a path
        problems.add(here, f"cannot be read: {told_by_system(error) or error}")
        return None
    if len(content) > MAX_FILE_BYTES:
        problems.add(here, f"is larger than {MAX_FILE_BYTES} bytes")
        return None
    try:
        return io.StringIO(content.decode(), newline=None).read()
    except UnicodeDecodeError:
        problems.add(here, "is not UTF-8")
        return None

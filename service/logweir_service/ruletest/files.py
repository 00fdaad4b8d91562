"""Files that a test names."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from logweir_service.rules.document import Node, Problems

MAX_FILE_BYTES: Final = 5_000_000


def read_text(path: Path, problems: Problems) -> str | None:
    """The text of a file; None and a problem where there is none to use."""
    here = Node(str(path), 0, None)
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            problems.add(here, f"is larger than {MAX_FILE_BYTES} bytes")
            return None
        return path.read_text("utf-8")
    except OSError as error:
        problems.add(here, f"cannot be read: {error.strerror}")
    except UnicodeDecodeError:
        problems.add(here, "is not UTF-8")
    return None

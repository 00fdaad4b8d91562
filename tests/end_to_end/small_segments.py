"""``python -m tests.end_to_end.small_segments``: the real command, with segments of 64 KB.

It looks for segments to compact ten times a second.
"""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import Final
from unittest.mock import patch

from logweir_service.app import composition
from logweir_service.cli import main
from logweir_service.journal import Journal

MAX_SEGMENT_BYTES: Final = 64 << 10

if __name__ == "__main__":
    small = partial(Journal, max_segment_bytes=MAX_SEGMENT_BYTES)
    patch.object(composition, "Journal", small).start()
    patch.object(import_module("logweir_service.app.running"), "LOOK_SECONDS", 0.1).start()
    main()

"""``python -m tests.end_to_end.small_segments``: the real command, with segments of 64 KB."""

from __future__ import annotations

from functools import partial
from typing import Final
from unittest.mock import patch

from logweir_service.app import composition
from logweir_service.cli import main
from logweir_service.journal import Journal

MAX_SEGMENT_BYTES: Final = 64 << 10

if __name__ == "__main__":
    small = partial(Journal, max_segment_bytes=MAX_SEGMENT_BYTES)
    patch.object(composition, "Journal", small).start()
    main()

"""The exit codes that no fault of `errors` carries."""

from __future__ import annotations

from typing import Final

USAGE: Final = 64
NO_PERMISSION: Final = 77
FAILED: Final = 1
INTERRUPTED: Final = 130
"""As shells tell of a process that Ctrl-C has ended."""
NOTHING_FOUND: Final = 1

"""The truth on disk: batches are appended, made durable together, and read back by cursors."""

from .folder import DataFolder
from .format import Commit, StreamPosition, crc32
from .journal import Group, Journal, Recovery
from .reader import JournalReader
from .segment import Located
from .streams import Placement, StreamConflict

__all__ = [
    "Commit",
    "DataFolder",
    "Group",
    "Journal",
    "JournalReader",
    "Located",
    "Placement",
    "Recovery",
    "StreamConflict",
    "StreamPosition",
    "crc32",
]

"""The truth on disk: batches are appended, made durable together, and read back by cursors."""

from .backward import newest_first
from .checkpoints import Checkpoint, Checkpoints
from .event_ids import EventId
from .filesystem import refuse_network
from .folder import DataFolder
from .format import Commit, StreamPosition, crc32
from .history import History
from .journal import RESTORED_GAP, Group, Journal, Recovery
from .known import KnownState
from .losses import Losses
from .reader import JournalReader
from .retention import Policy, SealedSegments, decide, remove
from .segment import Located
from .space import Space, ballast_weight
from .streams import StreamConflict
from .tail import Position
from .verify import verify

__all__ = [
    "RESTORED_GAP",
    "Checkpoint",
    "Checkpoints",
    "Commit",
    "DataFolder",
    "EventId",
    "Group",
    "History",
    "Journal",
    "JournalReader",
    "KnownState",
    "Located",
    "Losses",
    "Policy",
    "Position",
    "Recovery",
    "SealedSegments",
    "Space",
    "StreamConflict",
    "StreamPosition",
    "ballast_weight",
    "crc32",
    "decide",
    "newest_first",
    "refuse_network",
    "remove",
    "verify",
]

"""The truth on disk: batches are appended, made durable together, and read back by cursors."""

from .active import ActiveSegment
from .backward import newest_first
from .checkpoints import Checkpoint, Checkpoints
from .event_ids import EventId
from .filesystem import refuse_network
from .folder import DataFolder
from .follower import Follower
from .format import Commit, StreamPosition, crc32
from .history import History
from .journal import RESTORED_GAP, Group, Journal, Recovery
from .known import KnownState
from .losses import Losses
from .reader import JournalReader
from .retention import Policy, Sealed, SealedSegments, decide, remove
from .rewriting import joined, put_in_place, rewrite
from .salvage import set_aside
from .segment import Located, Segment, SegmentReader, header_of, leftovers, segments, sidecar_of
from .space import Space, ballast_weight
from .streams import StreamConflict
from .tail import Position
from .verify import verify

__all__ = [
    "RESTORED_GAP",
    "ActiveSegment",
    "Checkpoint",
    "Checkpoints",
    "Commit",
    "DataFolder",
    "EventId",
    "Follower",
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
    "Sealed",
    "SealedSegments",
    "Segment",
    "SegmentReader",
    "Space",
    "StreamConflict",
    "StreamPosition",
    "ballast_weight",
    "crc32",
    "decide",
    "header_of",
    "joined",
    "leftovers",
    "newest_first",
    "put_in_place",
    "refuse_network",
    "remove",
    "rewrite",
    "segments",
    "set_aside",
    "sidecar_of",
    "verify",
]

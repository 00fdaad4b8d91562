"""The named points at which the service under test can end itself, each a moment of one call to the disk."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal, NamedTuple

Moment = Literal["before", "half", "after"]


class Moments(NamedTuple):
    """A call on one kind of file, and when in it."""

    call: str
    kind: str
    moment: Moment


POINTS: Final = {
    "group-unwritten": Moments("write", "segment", "before"),
    "group-half-written": Moments("write", "segment", "half"),
    "group-before-sync": Moments("fdatasync", "segment", "before"),
    "group-synced-not-acknowledged": Moments("fdatasync", "segment", "after"),
    "segment-created": Moments("create", "segment", "after"),
    "segment-header-half-written": Moments("write", "new segment", "half"),
    "segment-before-sync": Moments("fsync", "segment", "before"),
    "segment-before-folder-sync": Moments("sync_folder", "journal", "before"),
    "segment-after-folder-sync": Moments("sync_folder", "journal", "after"),
    "checkpoint-created": Moments("create", "checkpoint", "after"),
    "checkpoint-half-written": Moments("write", "checkpoint", "half"),
    "checkpoint-before-sync": Moments("fsync", "checkpoint", "before"),
    "checkpoint-before-rename": Moments("replace", "checkpoint", "before"),
    "checkpoint-after-rename": Moments("replace", "checkpoint", "after"),
    "checkpoint-after-folder-sync": Moments("sync_folder", "checkpoints", "after"),
    "old-checkpoint-before-removal": Moments("unlink", "checkpoint", "before"),
    "old-checkpoint-after-removal": Moments("unlink", "checkpoint", "after"),
    "retention-before-removal": Moments("unlink", "segment", "before"),
    "retention-after-removal": Moments("unlink", "segment", "after"),
    "compaction-before-rename": Moments("replace", "packed segment", "before"),
    "compaction-after-rename": Moments("replace", "packed segment", "after"),
    "recovery-before-cut": Moments("truncate", "segment", "before"),
    "recovery-after-cut": Moments("truncate", "segment", "after"),
    "dead-letter-half-written": Moments("write", "dead letters", "half"),
    "dead-letter-before-sync": Moments("fdatasync", "dead letters", "before"),
    "ballast-created": Moments("create", "ballast", "after"),
    "ballast-allocated": Moments("allocate", "ballast", "after"),
    "format-half-written": Moments("write", "format", "half"),
    "format-before-rename": Moments("replace", "format", "before"),
    "format-after-rename": Moments("replace", "format", "after"),
}
"""By name; a test drives one kill at each."""


def kind_of(path: Path) -> str:
    """What a file or folder of the data folder is for."""
    name = path.name.removesuffix(".tmp")
    if name.endswith(".zst"):
        return "packed segment"
    if name.endswith(".ndjson"):
        return "segment" if path.parent.name == "journal" else "dead letters"
    if name.endswith(".checkpoint"):
        return "checkpoint"
    if name == "format.json":
        return "format"
    return name

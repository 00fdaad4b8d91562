"""A segment as it was found, with its sidecar where it has one that holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

from .ids import IdKind
from .sidecar import Header, Sidecar


class SegmentFile(Protocol):
    """A segment, as the journal has it."""

    @property
    def path(self) -> Path:
        """Its file, as it was listed."""

    @property
    def first_lsn(self) -> int:
        """The number of its first commit."""

    def open(self, *, buffer_bytes: int = ...) -> BinaryIO:
        """Its text; raises FileNotFoundError where it is gone."""


class Identity(NamedTuple):
    """What tells a file from another one of its name."""

    name: str
    inode: int
    changed: int
    size: int

    @classmethod
    def of(cls, path: Path) -> Identity:
        """That of the file which is there now.

        Raises:
            FileNotFoundError: there is none.
        """
        found = path.stat()
        return cls(path.name, found.st_ino, found.st_mtime_ns, found.st_size)


@dataclass(frozen=True, slots=True)
class Entry:
    """A segment as it was found."""

    segment: SegmentFile
    identity: Identity
    is_newest: bool
    """It may be written to, so it has no sidecar."""
    generation: int = 0
    text_bytes: int = 0
    """Of a sealed one; of the newest, what it had when it was listed."""
    header: Header | None = None
    """Of the sidecar that holds for it, if there is one."""
    sidecar_path: Path | None = None
    sidecar_bytes: int = 0
    kept: Sidecar | None = None
    """That sidecar, where it is kept open."""

    @property
    def first_lsn(self) -> int:
        """The number of its first commit."""
        return self.segment.first_lsn

    @property
    def oldest(self) -> int | None:
        """Microseconds since the epoch of its oldest event; None where that is not known."""
        return self.header.oldest if self.header else None

    def sidecar(self) -> Sidecar | None:
        """Its sidecar, opened; None where it has none that holds."""
        if self.kept is not None or self.header is None or self.sidecar_path is None:
            return self.kept
        try:
            found = Sidecar(self.sidecar_path, check=False)
        except (OSError, ValueError):
            return None
        return found if found.header == self.header else None

    def is_unchanged(self) -> bool:
        """Whether the file is still the one that was found, so that what was read of it is of it.

        The newest one may have grown.
        """
        try:
            found = Identity.of(self.segment.path)
        except OSError:
            return False
        return found[:2] == self.identity[:2] if self.is_newest else found == self.identity


def candidates(sidecar: Sidecar, kind: IdKind, value: str) -> Sequence[int]:
    """The postings of what may be events with this id, in the segment's order."""
    found = sidecar.look_up(kind, value)
    if kind == "trace_id":
        more = sidecar.look_up("correlation_id", value)  # a trace id that equals it is not noted again
        return sorted({*found, *more}) if found else more
    return found

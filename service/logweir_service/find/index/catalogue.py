"""Which segments there are, and which have a sidecar that holds: remembered as long as nothing changes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from io import SEEK_END
from pathlib import Path
from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from .entry import Entry, Identity, SegmentFile
from .sidecar import Header, Sidecar, name

_RECENT_SECONDS: Final = 1.0
"""A folder that changed so lately may change again within the same tick of its file system's clock."""

_MAX_OPEN: Final = 400
"""Sidecars of the newest segments that are kept open, as each takes a file descriptor."""

_ATTEMPTS: Final = 5
"""To list a folder in which segments are moving."""

_HEADER_BYTES: Final = 4096
"""Of the segment: no first line is longer."""


class _Facts(NamedTuple):
    """What is known of a segment for as long as its file is the same."""

    identity: Identity
    generation: int
    text_bytes: int


class _Opened(NamedTuple):
    """What is known of a sidecar for as long as its file is the same."""

    identity: Identity
    header: Header | None
    """None where it is damaged."""
    kept: Sidecar | None


@dataclass(slots=True)
class Catalogue:
    """The segments of a journal with their sidecars, for any thread.

    A segment is not opened again while its file is the same; without an index folder none has a sidecar.
    """

    journal: UUID
    folder: Path
    """Of the segments."""
    segments: Callable[[], Sequence[SegmentFile]]
    """Lists them, oldest first."""
    index: Path | None = None
    """The folder of the sidecars."""
    check: bool = True
    """Whether each is read as a whole when it is opened, to see that it is not damaged."""
    clock: Callable[[], float] = time.time
    _entries: tuple[Entry, ...] = ()
    _listed: tuple[float, tuple[int, ...]] | None = None
    """When, and when the folders had changed."""
    _facts: dict[int, _Facts] = field(default_factory=dict)
    _opened: dict[int, _Opened] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def entries(self) -> tuple[Entry, ...]:
        """All segments, oldest first, as they are now."""
        changed = self._changed()
        if self._listed is None or not self._holds(changed, *self._listed):
            self._list(changed)
        return self._entries

    @property
    def known(self) -> tuple[Entry, ...]:
        """All segments as they were when somebody asked; nothing is looked at."""
        return self._entries

    def find(self, first_lsn: int) -> Entry | None:
        """A segment as it is now, also where a folder's time does not show that it has changed."""
        self._list(self._changed())
        return next((entry for entry in self._entries if entry.first_lsn == first_lsn), None)

    def _holds(self, changed: tuple[int, ...], listed: float, had_changed: tuple[int, ...]) -> bool:
        return changed == had_changed and all(listed - at / 1e9 > _RECENT_SECONDS for at in changed)

    def _changed(self) -> tuple[int, ...]:
        folders = (self.folder,) if self.index is None else (self.folder, self.index)
        return tuple(map(_changed, folders))

    def _list(self, changed: tuple[int, ...]) -> None:
        with self._lock:
            listed = self.clock()
            for _ in range(_ATTEMPTS):
                segments = self.segments()
                found = [
                    self._entry(segment, age=age, keep=age <= _MAX_OPEN)
                    for age, segment in enumerate(reversed(segments))
                ]
                if None not in found:
                    break
            self._entries = tuple(entry for entry in reversed(found) if entry is not None)
            there = {segment.first_lsn for segment in segments}
            for first_lsn in self._facts.keys() - there:
                del self._facts[first_lsn]
            for first_lsn in self._opened.keys() - there:
                del self._opened[first_lsn]
            self._listed = listed, changed

    def _entry(self, segment: SegmentFile, *, age: int, keep: bool) -> Entry | None:
        """None where the segment was removed meanwhile, or has another name since it was compacted."""
        try:
            identity = Identity.of(segment.path)
            if age == 0:
                return Entry(segment, identity, is_newest=True, text_bytes=identity.size)
            facts = self._facts.get(segment.first_lsn)
            if facts is None or facts.identity != identity:
                facts = self._facts[segment.first_lsn] = _Facts(identity, *_read(segment))
        except FileNotFoundError:
            return None
        entry = Entry(
            segment, identity, is_newest=False, generation=facts.generation, text_bytes=facts.text_bytes
        )
        return self._with_sidecar(entry, keep=keep)

    def _with_sidecar(self, entry: Entry, *, keep: bool) -> Entry:
        if self.index is None:
            return entry
        path = self.index / name(entry.first_lsn)
        try:
            identity = Identity.of(path)
        except OSError:
            self._opened.pop(entry.first_lsn, None)
            return entry
        known = self._opened.get(entry.first_lsn)
        if known is None or known.identity != identity or (keep and known.header and not known.kept):
            known = _open(path, identity, check=self.check)
        if not keep:
            known = known._replace(kept=None)
        self._opened[entry.first_lsn] = known
        header = known.header
        if header is None or not self._holds_for(header, entry):
            return entry
        return replace(entry, header=header, sidecar_path=path, sidecar_bytes=identity.size, kept=known.kept)

    def _holds_for(self, header: Header, entry: Entry) -> bool:
        told = (header.journal, header.first_lsn, header.generation, header.text_bytes)
        return told == (self.journal, entry.first_lsn, entry.generation, entry.text_bytes)


class _HeaderFields(msgspec.Struct):
    generation: int = 0


class _HeaderLine(msgspec.Struct):
    segment: _HeaderFields = msgspec.field(name="_segment")


def _changed(folder: Path) -> int:
    """When a folder has changed, in nanoseconds; -1 where there is none."""
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return -1


def _read(segment: SegmentFile) -> tuple[int, int]:
    """A segment's generation, -1 where it does not tell, and how many bytes of text it has.

    Raises:
        FileNotFoundError: it is gone.
    """
    with segment.open(buffer_bytes=_HEADER_BYTES) as file:
        line = file.readline(_HEADER_BYTES)
        size = file.seek(0, SEEK_END)
    try:
        return msgspec.json.decode(line, type=_HeaderLine).segment.generation, size
    except ValueError:  # as msgspec's faults are
        return -1, size


def _open(path: Path, identity: Identity, *, check: bool) -> _Opened:
    try:
        sidecar = Sidecar(path, check=check)
    except (OSError, ValueError):
        return _Opened(identity, None, None)
    return _Opened(identity, sidecar.header, sidecar)

"""Writing one segment anew as the ``store`` rules have it; the owner puts it in its place."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import msgspec

from logweir_service.compact import LOUD, Keeping, Place, Removed
from logweir_service.decode import StoredDecoder
from logweir_service.disk import Disk
from logweir_service.event import Event
from logweir_service.journal.rewriting import Damaged, joined, rewrite
from logweir_service.journal.segment import Located, Segment, SegmentReader
from logweir_service.promote import Selection
from logweir_service.rules import RuleSource, load_texts

from .loud import LoudStories

_LOUD_TEXTS: Final = (b"error", b"critical")
"""A batch without them holds no error, whatever its spaces."""


class Asked(msgspec.Struct, kw_only=True):
    """What the owner asks for."""

    journal: UUID
    folder: Path
    """Of the segments."""
    first_lsn: int
    """Of the segment to write anew."""
    sidecars: Path
    """The folder of the segments' indexes."""
    neighbours: list[int]
    """First commits of the segments in which its stories may go on."""
    rules: list[RuleSource]
    pack_labels: list[str] | None
    now: float
    """In seconds since the epoch."""


class Answer(msgspec.Struct):
    """What was done."""

    is_gone: bool = False
    """Retention has removed it meanwhile."""
    damage: str = ""
    """Why it was not done: what is wrong with the segment."""
    before_bytes: int = 0
    """Of the file that is there."""
    after_bytes: int = 0
    removed: Sequence[tuple[str, str, int]] = ()
    """Events, by rule and reason."""


def run(job: Mapping[str, Any]) -> Iterator[bytes]:
    """Write the segment's new file, and answer in one line.

    Raises:
        OSError: it could not be read, or the file not be written.
    """
    yield msgspec.json.encode(compact(msgspec.convert(job, Asked, dec_hook=_path)))


def _path(kind: type, value: object) -> object:
    """The one type that JSON does not know."""
    return kind(value)


def compact(asked: Asked, *, disk: Disk | None = None) -> Answer:
    """Write the segment's new file."""
    disk = disk or Disk()
    segment = Segment.found(asked.folder, asked.first_lsn)
    try:
        thinning = _Thinning(asked, segment)
        before = segment.path.stat().st_size
        fresh = rewrite(disk, segment, asked.journal, edit=thinning, due=thinning.due)
    except FileNotFoundError:
        if segment.path.exists() or segment.packed.path.exists():
            raise
        return Answer(is_gone=True)
    except Damaged as damage:
        return Answer(damage=str(damage))
    removed = [(*each, count) for each, count in thinning.removed.items()]
    return Answer(before_bytes=before, after_bytes=fresh.stat().st_size, removed=removed)


class _Thinning:
    """Leaves of a batch what is to stay; looks through the segment beforehand."""

    def __init__(self, asked: Asked, segment: Segment) -> None:
        rules = load_texts(asked.rules, pack_labels=asked.pack_labels)
        self.removed: Counter[Removed] = Counter()
        self.due = math.inf
        self._now = asked.now
        self._keeping = Keeping(rules.store)
        self._selection = Selection(rules.promote)
        self._decoder = StoredDecoder(self._selection.fields)
        self._loud = LoudStories()
        if self._keeping:
            self._look_through(segment)
            for first_lsn in asked.neighbours:
                self._look_into(Segment.found(asked.folder, first_lsn), asked)

    def __call__(self, located: Located) -> bytes:
        if not self._keeping or not located.lines:
            return located.lines
        lines = located.lines.split(b"\n")
        places = [place for place, line in enumerate(lines) if line]
        for place, event, loud in zip(places, *self._read(located.lines), strict=True):
            removed = self._keeping.removed(event, Place(located.commit.lsn, place, self._age(located)))
            if removed and not loud and event.correlation_id not in self._loud:
                self.removed[removed] += 1
                lines[place] = b""
        return joined(lines)

    def _age(self, located: Located) -> float:
        return self._now - located.commit.received

    def _read(self, lines: bytes) -> tuple[Sequence[Event], Sequence[bool]]:
        """The events, and of each whether it stays whatever the rules say."""
        events = [event for stretch in self._decoder.events(lines) for event in stretch]
        promoted = {*self._selection.candidates(events)}
        return events, [event.level in LOUD or place in promoted for place, event in enumerate(events)]

    def _look_through(self, segment: Segment) -> None:
        """Learn which stories of the segment stay, and when more of it can go."""
        last: dict[str, float] = {}
        """When a rule's last event of the segment can go."""
        for located in SegmentReader(segment):
            age = self._age(located)
            for event, loud in zip(*self._read(located.lines), strict=True):
                if loud:
                    self._loud.add(event.correlation_id)
                rule = self._keeping.rule_of(event)
                if rule and age < rule.keep_seconds < math.inf:
                    last[rule.name] = located.commit.received + rule.keep_seconds
        self.due = min(last.values(), default=math.inf)

    def _look_into(self, neighbour: Segment, asked: Asked) -> None:
        """Learn which stories stay for an error in another segment."""
        with suppress(FileNotFoundError):  # removed by retention meanwhile
            if self._loud.add_by_sidecar(neighbour, journal=asked.journal, sidecars=asked.sidecars):
                return
            for located in SegmentReader(neighbour, passing_over=True):
                if any(text in located.lines for text in _LOUD_TEXTS):
                    for event, loud in zip(*self._read(located.lines), strict=True):
                        if loud:
                            self._loud.add(event.correlation_id)

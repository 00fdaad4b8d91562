"""Erasing what is stored of a user: segments are written anew without those events.

Numbers were made of these events, so they may go only once a checkpoint covers all there is: then nothing is
ever counted again without them. Other events keep their places, and with them their identities.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import msgspec

from logweir_service.dead import erase_letters
from logweir_service.disk import Disk
from logweir_service.errors import NotCovered
from logweir_service.journal import (
    ActiveSegment,
    Checkpoint,
    Checkpoints,
    DataFolder,
    Position,
    Segment,
    SegmentReader,
    header_of,
    joined,
    leftovers,
    put_in_place,
    rewrite,
    segments,
    sidecar_of,
)
from logweir_service.lenient import read_object
from logweir_service.listing import listed

_WHY: Final = "start the service once and stop it in order, so that no counter goes back; then erase"


class _Named(msgspec.Struct, gc=False):
    user_id: Any = None
    correlation_id: Any = None


_decoder = msgspec.json.Decoder(_Named)


@dataclass(frozen=True, slots=True)
class User:
    """Whose events are erased: those with this user id, and those of `stories`, by correlation id."""

    id: str
    stories: frozenset[str] = frozenset()

    def takes(self, line: bytes) -> bool:
        """Whether an event is erased; also what is no event, where it holds the id."""
        if not self.stories and not self._may_be_in(line):
            return False
        try:
            named = _named(line)
        except ValueError:
            return self.id.encode() in line
        return self.is_of(named) or (
            isinstance(named.correlation_id, str) and named.correlation_id in self.stories
        )

    def is_of(self, named: _Named) -> bool:
        """Whether an event has this user id."""
        return named.user_id == self.id or (type(named.user_id) is int and str(named.user_id) == self.id)

    def edit(self, lines: bytes) -> tuple[bytes, int]:
        """What is left of a batch's lines, and how many events go."""
        if not self.stories and not self._may_be_in(lines):
            return lines, 0
        kept, gone = lines.split(b"\n"), 0
        for place, line in enumerate(kept):
            if line and self.takes(line):
                kept[place] = b""
                gone += 1
        return (joined(kept), gone) if gone else (lines, 0)

    def stories_in(self, lines: bytes) -> set[str]:
        """The correlation ids under which the user appears."""
        if not self._may_be_in(lines):
            return set()
        named = [_named(line) for line in lines.split(b"\n") if line]
        return {
            each.correlation_id for each in named if self.is_of(each) and isinstance(each.correlation_id, str)
        }

    def _may_be_in(self, text: bytes) -> bool:
        """Whether it holds the id, as it is or written with escapes."""
        return self.id.encode() in text or b"\\" in text


@dataclass(frozen=True, slots=True)
class Found:
    """What there is of a user in one segment."""

    segment: Segment
    events: int
    """That are erased."""
    mentions: int
    """Other lines that hold the id somewhere, and stay."""


@dataclass(slots=True)
class Erasure:
    """Looks for a user's events in a folder, and erases them there.

    `look` may be used beside a service; `erase` needs a folder that this process has claimed.
    """

    folder: DataFolder
    journal: UUID
    user: User
    _disk: Disk = field(init=False)

    def __post_init__(self) -> None:
        self._disk = self.folder.disk

    def with_stories(self) -> Erasure:
        """The same, for every event of the stories in which the user appears."""
        stories: set[str] = set()
        for segment in segments(self.folder.journal):
            for located in _batches(segment):
                stories |= self.user.stories_in(located)
        return Erasure(self.folder, self.journal, User(self.user.id, frozenset(stories)))

    def look(self) -> Iterator[Found]:
        """What each segment holds of the user; those that hold nothing are left out."""
        for segment in segments(self.folder.journal):
            events = mentions = 0
            for lines in _batches(segment):
                left, gone = self.user.edit(lines)
                events += gone
                mentions += _lines_with(self.user.id, left)
            if events or mentions:
                yield Found(segment, events, mentions)

    def letters(self, *, erase: bool = False) -> int:
        """How many refused events are of the user, or hold the id; they are emptied where that is asked."""
        disk = self._disk if erase else None
        return erase_letters(self.folder.dead, disk=disk, takes=self.user.takes)

    def damaged(self) -> list[Path]:
        """What was kept of damaged segments, which may hold anything."""
        return sorted(listed(self.folder.journal, "*.corrupt"))

    def require_covered(self) -> None:
        """See to it that a checkpoint covers all of the journal.

        Raises:
            NotCovered: none does.
        """
        self._newest()

    def erase(self, found: Sequence[Found]) -> Iterator[Found]:
        """Write segments anew without the user's events; gives each that is done.

        Raises:
            NotCovered: no checkpoint covers all of the journal; nothing was changed.
            OSError: those that were given are done.
        """
        newest = self._newest()
        for path in leftovers(self.folder.journal, sidecars=self.folder.index):
            self._disk.unlink(path)
        last = segments(self.folder.journal)[-1].first_lsn
        holding = [each for each in found if each.events]
        if holding:
            self._stand_behind(newest, rolls=holding[-1].segment.first_lsn == last)
        for each in holding:
            self._rewrite(each.segment)
            yield each

    def _rewrite(self, segment: Segment) -> None:
        header = header_of(segment)
        due = header.due if header else 0.0
        rewrite(
            self._disk, segment, self.journal, edit=lambda located: self.user.edit(located.lines)[0], due=due
        )
        put_in_place(self._disk, segment, sidecar=sidecar_of(self.folder.index, segment.first_lsn))

    def _newest(self) -> Checkpoint:
        """The checkpoint that covers all of the journal."""
        checkpoints = self._checkpoints()
        newest = next(checkpoints.newest_first(), None)
        end = _end(segments(self.folder.journal))
        if newest is None or end is None or not newest.lsn == end == checkpoints.newest_lsn:
            raise NotCovered(f"no checkpoint covers the end of the journal in {self.folder.path}: {_WHY}")
        return newest

    def _stand_behind(self, newest: Checkpoint, *, rolls: bool) -> None:
        """Let the only checkpoint stand behind all segments that are written anew."""
        body = newest.body
        if rolls:
            position = self._roll(newest.lsn)
            state = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
            state["position"] = msgspec.Raw(msgspec.json.encode(position))
            body = msgspec.json.encode(state) + b"\n"
        checkpoints = self._checkpoints()
        checkpoints.save(Checkpoint(newest.lsn, newest.written, body), alone=True)
        if checkpoints.not_alone:
            raise OSError(checkpoints.not_alone[0])

    def _roll(self, last_lsn: int) -> Position:
        begun = ActiveSegment.create(
            self._disk, self.folder.journal, journal=self.journal, first_lsn=last_lsn + 1
        )
        begun.close()
        return Position(last_lsn, begun.first_lsn, begun.size)

    def _checkpoints(self) -> Checkpoints:
        return Checkpoints(self.folder.checkpoints, journal=self.journal, disk=self._disk)


def _named(line: bytes) -> _Named:
    """Who an event is of.

    Raises:
        ValueError: it is none.
    """
    try:
        return _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return msgspec.convert(read_object(line), _Named)


def _batches(segment: Segment) -> Iterator[bytes]:
    for located in SegmentReader(segment, passing_over=True):
        yield located.lines


def _end(known: Sequence[Segment]) -> int | None:
    """The newest commit; None where the journal's end is not whole."""
    if not known:
        return None
    reader = SegmentReader(known[-1])
    last_lsn = known[-1].first_lsn - 1
    for located in reader:
        last_lsn = located.commit.lsn
    return last_lsn if reader.damage is None else None


def _lines_with(user_id: str, lines: bytes) -> int:
    """How many lines hold the id as a word: 17 is not in 170, nor in a number such as 0x3f17ab."""
    needle = user_id.encode()
    if needle not in lines:
        return 0
    word = re.compile(rb"(?<![0-9A-Za-z])" + re.escape(needle) + rb"(?![0-9A-Za-z])")
    return sum(word.search(line) is not None for line in lines.split(b"\n"))

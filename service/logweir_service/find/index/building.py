"""Building a sidecar: every event of a segment is looked at once, so this is written for speed.

Ids are gathered in dictionaries and hashed once each at the end; events are decoded a batch at a time, for
the few fields that they are found by. `tests/service/find/test_sidecar.py` holds it against a plain scan.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from logweir.fields import ERROR_LEVELS
from logweir_service.event import StoredBatch

from .epoch import microseconds
from .ids import Ids, decoder, id_text, read_ids
from .sidecar import KINDS, LINES_PER_BLOCK, MAX_TEXT_BYTES, SLOT_BITS, Header, encode, id_digest

_MAX_BLOCK_BYTES: Final = 16 << 10
"""Large lines stand in smaller blocks, so that a hit among them reads no more than this and one line."""


_Postings = defaultdict[str, list[int]]


@dataclass(frozen=True, slots=True)
class PlacedBatch:
    """A batch, and where its first line begins in the segment's text."""

    batch: StoredBatch
    offset: int


def build(
    batches: Iterable[PlacedBatch], *, journal: UUID, first_lsn: int, generation: int, text_bytes: int
) -> bytes:
    """The sidecar of a segment with these batches.

    Raises:
        ValueError: the segment is too long to have one.
    """
    if text_bytes > MAX_TEXT_BYTES:
        raise ValueError(f"a segment of {text_bytes} bytes is too long for an index")
    gathered = _Gathered()
    for placed in batches:
        gathered.take(placed)
    return gathered.encode(journal, first_lsn, generation=generation, text_bytes=text_bytes)


class _Gathered:
    """What is known of the batches up to now."""

    def __init__(self) -> None:
        self._by_kind: dict[str, _Postings] = {kind: defaultdict(list) for kind in KINDS}
        self._lsns, self._received, self._first_blocks = array("Q"), array("d"), array("I")
        self._offsets, self._indexes = array("I"), array("I")
        self._events = 0
        self._oldest = datetime.max.replace(tzinfo=UTC)
        self._newest = datetime.min.replace(tzinfo=UTC)

    def take(self, placed: PlacedBatch) -> None:
        """Take in a batch, of which removed lines are empty."""
        batch = placed.batch
        ends = _ends(batch.lines)
        if len(ends) == 1:
            return
        self._lsns.append(batch.lsn)
        self._received.append(batch.received)
        self._first_blocks.append(len(self._offsets))
        postings = self._cut(ends, placed.offset)
        events = _decode(batch)
        if len(events) < len(postings):
            postings = [
                posting
                for posting, start, end in zip(postings, ends, ends[1:], strict=False)
                if end - start > 1
            ]
        if events:
            self._note(postings, events)

    def _cut(self, ends: list[int], offset: int) -> list[int]:
        """Cut a batch into blocks; the posting of each line."""
        postings: list[int] = []
        start, count = 0, len(ends) - 1
        while start < count:
            end = min(start + LINES_PER_BLOCK, count)
            while ends[end] - ends[start] > _MAX_BLOCK_BYTES and end > start + 1:
                end -= 1
            first = len(self._offsets) << SLOT_BITS
            postings.extend(range(first, first + end - start))
            self._offsets.append(offset + ends[start])
            self._indexes.append(start)
            start = end
        return postings

    def _note(self, postings: list[int], events: list[Ids]) -> None:
        by_correlation, by_trace, by_event, by_user, errors = self._by_kind.values()
        for posting, event in zip(postings, events, strict=True):
            correlation_id = event.correlation_id
            if correlation_id is not None:
                by_correlation[correlation_id].append(posting)
            if event.level in ERROR_LEVELS:
                errors[correlation_id or ""].append(posting)
            if event.user_id is not None and (user_id := id_text(event.user_id)) is not None:
                by_user[user_id].append(posting)
            if event.trace_id is not None and (trace_id := id_text(event.trace_id)) not in (
                correlation_id,
                None,
            ):
                by_trace[trace_id].append(posting)
            if event.event_id is not None and (event_id := id_text(event.event_id)) is not None:
                by_event[event_id].append(posting)
        moments = [event.timestamp for event in events]
        self._oldest = min(self._oldest, *moments)
        self._newest = max(self._newest, *moments)
        self._events += len(events)

    def encode(self, journal: UUID, first_lsn: int, *, generation: int, text_bytes: int) -> bytes:
        """The file's content."""
        hashed = [_hashed(ids) for ids in self._by_kind.values()]
        header = Header(
            journal,
            first_lsn,
            generation,
            text_bytes,
            microseconds(self._oldest),
            microseconds(self._newest),
            self._events,
            len(self._lsns),
            len(self._offsets),
            tuple(len(column) for hashes, _, postings in hashed for column in (hashes, postings)),
        )
        columns: list[array[int] | array[float]] = [self._lsns, self._received]
        columns += [hashes for hashes, _, _ in hashed]
        columns += [self._first_blocks, self._offsets, self._indexes]
        columns += [column for _, starts, postings in hashed for column in (starts, postings)]
        return encode(header, [column.tobytes() for column in columns])


def _ends(lines: bytes) -> list[int]:
    """0, and the place behind each newline."""
    ends, find, at = [0], lines.find, 0
    while at := find(b"\n", at) + 1:
        ends.append(at)
    return ends


def _hashed(ids: _Postings) -> tuple[array[int], array[int], array[int]]:
    """Sorted hashes, the start of each one's postings, and these; of ids that share a hash, as of one."""
    hashes, starts, found = array("Q"), array("I"), array("I")
    hashes.frombytes(b"".join(map(id_digest, ids)))
    by_hash: dict[int, list[int]] = {}
    for key, postings in zip(hashes, ids.values(), strict=True):
        by_hash[key] = sorted(by_hash[key] + postings) if key in by_hash else postings
    hashes = array("Q", sorted(by_hash))
    for key in hashes:
        starts.append(len(found))
        found.extend(by_hash[key])
    return hashes, starts, found


def _decode(batch: StoredBatch) -> list[Ids]:
    """What each of its events is found by, without the removed ones."""
    try:
        return decoder.decode_lines(batch.lines)
    except ValueError:  # as msgspec's faults are: one line is odd
        return [read_ids(event.line, batch.received) for event in batch.events()]

"""The events that are still to be promoted, in the journal's order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from logweir_service.event import StoredBatch, StoredEvent
from logweir_service.promote.cursor import Position
from logweir_service.promote.hints import Hints
from logweir_service.promote.ports import JournalReader
from logweir_service.promote.selection import Selection, sampled
from logweir_service.rules import PromoteRule


class Candidate(NamedTuple):
    """An event to promote, and the rule that says so."""

    stored: StoredEvent
    rule: PromoteRule


class Backlog:
    """Walks the journal from a position and stops at each event to promote.

    The journal and the position alone decide what is found; `hints` only let it pass over commits unread.
    """

    def __init__(
        self, *, reader: JournalReader, selection: Selection, hints: Hints, position: Position
    ) -> None:
        self.position = position
        """All events before it are settled."""
        self._reader = reader
        self.selection = selection
        """What is looked for from here on."""
        self._hints = hints
        self._found: deque[Candidate] = deque()
        self._batches: Iterator[StoredBatch] = iter(())

    @property
    def head(self) -> Candidate | None:
        """The oldest event to promote that was found, until it is settled; callable from any thread."""
        try:
            return self._found[0]
        except IndexError:
            return None

    def __len__(self) -> int:
        """How many events are known to wait."""
        lsn = self.position.lsn
        return len(self._found) + self._hints.beyond(lsn if self._found else lsn - 1)

    def settle(self) -> None:
        """Move on behind the head."""
        settled = self._found.popleft().stored
        same = self._found and self._found[0].stored.lsn == settled.lsn
        self.position = Position(settled.lsn, settled.index + 1) if same else Position(settled.lsn + 1, 0)

    def advance(self) -> bool:
        """With no head, read on by one commit; False at the journal's end."""
        target = self._hints.skip(self.position.lsn)
        if target > self.position.lsn:
            self.position = Position(target, 0)
            self._batches = iter(())
        if self.position.lsn > self._reader.last_lsn:
            return False
        batch = next(self._batches, None)
        if batch is None:  # it ended where the journal ended when it was opened
            self._batches = self._reader.batches(self.position.lsn - 1)
            batch = next(self._batches, None)
        if batch is not None:
            self._look_into(batch)
        return batch is not None

    def fit(self) -> None:
        """Where the journal ends before the position, as after restoring a backup, wait at its end."""
        self.position = min(self.position, Position(self._reader.last_lsn + 1, 0))

    def leave(self) -> None:
        """Give up all that waits: go to the journal's end without looking."""
        self._found.clear()
        self._batches = iter(())
        self.position = max(self.position, Position(self._reader.last_lsn + 1, 0))

    def _look_into(self, batch: StoredBatch) -> None:
        first = self.position.line if batch.lsn == self.position.lsn else 0
        lines = batch.lines.split(b"\n")
        for index, line in enumerate(lines[first:], first):
            rule = self.selection.rule_of_line(line) if line else None
            if rule is None or not sampled(rule, journal=self._reader.identifier, lsn=batch.lsn, index=index):
                continue
            self._found.append(Candidate(StoredEvent(batch.lsn, index, batch.received, line), rule))
        if not self._found:
            self.position = Position(batch.lsn + 1, 0)

"""The start: the newest checkpoint, the journal's tail under its rules, then the rules of today."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from operator import attrgetter
from typing import cast

from logweir_service.decode import Decoder
from logweir_service.derive import Derivation
from logweir_service.errors import RecoveryStopped, RulesError
from logweir_service.journal import RESTORED_GAP, Checkpoints, EventId, Journal, Located, Position, Recovery
from logweir_service.rules import RuleSet, load_texts

from .losses import lasting
from .numbers import Counting, Numbers
from .state import State, decode

_correlation_ids = attrgetter("correlation_id")


@dataclass(frozen=True, slots=True)
class Resumed:
    """Where the service stands after a start."""

    numbers: Numbers
    journal: Recovery
    checkpoint_lsn: int | None
    """The newest commit of the checkpoint that was used; None where all of the journal was read."""
    covered: Position | None
    """Where that checkpoint stood: what is before it was not read."""
    losses: Counter[str]
    """What was lost before, beside what the service's own counters go on with."""
    losses_before: dict[str, float]
    """All of it as the checkpoint has it."""
    losses_seen: dict[str, float]
    """When each of these was last seen to grow, in seconds since the epoch."""
    unusable: tuple[str, ...]
    """One line for each checkpoint that could not be used."""
    reset: str = ""
    """Why all counters begin at 0 again; empty where they go on."""
    rules_changed: bool = False


@dataclass(slots=True)
class Start:
    """Brings the numbers, the senders' marks and the index to where they stood."""

    journal: Journal
    checkpoints: Checkpoints
    decoder: Decoder
    counting: Counting
    note: Callable[[int, int, Set[str]], None]
    """Takes the segment, offset and correlation ids of each batch that is read again."""
    stopping: Callable[[], bool]
    """Asked before each batch: whether to give up."""
    unusable: list[str] = field(default_factory=list)

    def __call__(self, rules: RuleSet, *, reset_counters: bool) -> Resumed:
        """Recover, and go over to `rules`.

        Raises:
            RecoveryStopped: as `stopping` said; what was read so far is in memory alone.
            UnknownFormat: another version wrote the folder.
            OSError: what a crash or the disk has left cannot be mended.
        """
        self.checkpoints.clean()
        state, numbers = next(self._usable(), (None, None))
        before = numbers or self.counting(rules)
        losses = Counter(state.losses if state else {})
        losses.subtract(lasting(state.senders.losses) if state else {})
        recovery = self.journal.recover(
            lambda located, segment: self._replay(before, located, segment),
            position=state.position if state else None,
            known=state.senders if state else None,
            known_lsn=self.checkpoints.newest_lsn,
        )
        self.unusable += self.checkpoints.damaged
        reset = "--reset-counters was given" if reset_counters else ""
        if recovery.missing and not reset:
            reset = recovery.missing[0]
        if reset:
            losses.update(lasting(self.journal.known.forget_losses()))
            if not recovery.lost_end:  # which has left its own already
                self.journal.leave_gap(RESTORED_GAP if reset_counters else 1)
        self.note(self.journal.position.segment_first_lsn, self.journal.position.offset, frozenset())
        return Resumed(
            numbers=self.counting(rules) if reset else self._switch(before, rules),
            journal=recovery,
            checkpoint_lsn=state.position.last_lsn if state else None,
            covered=state.position if state else None,
            losses=losses,
            losses_before=state.losses if state else {},
            losses_seen=state.losses_seen if state else {},
            unusable=tuple(self.unusable),
            reset=reset,
            rules_changed=before.rules.metrics != rules.metrics,
        )

    def _usable(self) -> Iterator[tuple[State, Numbers]]:
        for checkpoint in self.checkpoints.newest_first():
            try:
                state = decode(checkpoint.body)
                numbers = self.counting(load_texts(state.rules, pack_labels=state.pack_labels))
                numbers.derivation.restore(state.numbers)
            except (ValueError, RulesError) as fault:
                text = str(fault).splitlines()[0]
                self.unusable.append(f"the checkpoint at commit {checkpoint.lsn} cannot be used: {text}")
            else:
                yield state, numbers

    def _replay(self, numbers: Numbers, located: Located, segment_first_lsn: int) -> Sequence[EventId]:
        if self.stopping():
            raise RecoveryStopped(f"the journal was read up to commit {located.commit.lsn - 1}")
        found: set[str | None] = set()
        for events in numbers.derive(located.lines, located.commit.received, located.commit.position):
            found.update(map(_correlation_ids, events))
        found.discard(None)
        self.note(segment_first_lsn, located.offset, cast("set[str]", found))
        if located.commit.position is not None:
            return ()
        return [EventId.of(service, text) for service, text in self.decoder.event_ids(located.lines)]

    def _switch(self, before: Numbers, rules: RuleSet) -> Numbers:
        """The same numbers under the rules of today, as far as these say the same."""
        if before.rules is rules:
            return before
        after = self.counting(rules)
        derivation: Derivation = after.derivation
        derivation.adopt(before.derivation)
        return after

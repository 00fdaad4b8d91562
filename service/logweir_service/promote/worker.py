"""Promotion at work: one route's thread, from its cursor over the journal to a Sentry server."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from logweir_service.event import Event, StoredEvent
from logweir_service.promote.backlog import Backlog, Candidate
from logweir_service.promote.cursor import START, Cursor, Position
from logweir_service.promote.hints import Hints
from logweir_service.promote.members import members
from logweir_service.promote.payload import Defaults, sentry_event
from logweir_service.promote.ports import JournalReader, Stories
from logweir_service.promote.route import EventSender, Route
from logweir_service.promote.selection import Selection, is_repeat
from logweir_service.promote.shrink import smaller
from logweir_service.promote.story import place, recent

SETTLE_SECONDS: Final = 0.5
"""Beyond a rule's grace time: what was received in it is committed by then."""

MAX_AGE_SECONDS: Final = 7 * 86_400.0
"""Older errors are set aside: nobody acts on them, and Sentry rewrites timestamps of over 30 days."""

SAVE_SECONDS: Final = 1.0
LAZY_SAVE_SECONDS: Final = 5.0
"""How long the cursor may go unsaved, and how long where it only passed over events that are not promoted."""

IDLE_SECONDS: Final = 5.0
"""How often the cursor follows the journal while there is nothing to promote."""

FAULT_SECONDS: Final = 30.0
"""The pause after a fault in reading the journal."""

log = logging.getLogger(__name__)


class Report(NamedTuple):
    """What promotion has done in this process, and what it has before it."""

    delivered: int
    dead: dict[str, int]
    """Events that were given up, by reason."""
    repeats: int
    """Events not sent because an earlier one reported the same exception object."""
    retries: int
    waiting: int
    """Events known to wait."""
    oldest_age_seconds: float
    """Age of the oldest of them by commit time; 0 where none waits."""
    trouble: str
    """Why nothing is delivered now; empty where nothing hinders."""
    position: Position


class Worker:
    """Sends what the rules select, in the journal's order, each event until it is settled.

    An event is settled when the server has taken it, or will never take it, or when it is too old. The cursor
    moves behind settled events only. Without a sender everything is passed over.
    """

    def __init__(
        self,
        *,
        reader: JournalReader,
        stories: Stories,
        selection: Selection,
        cursor: Cursor,
        sender: EventSender | None,
        defaults: Defaults = Defaults(),  # noqa: B008 - immutable
        clock: Callable[[], float] = time.time,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._reader = reader
        self._stories = stories
        self._selection = selection
        self._cursor = cursor
        self._route = Route(sender, clock=clock, jitter=jitter) if sender else None
        self._defaults = defaults
        self._clock = clock
        self._hints = Hints()
        self._saved = cursor.load() or START
        self._saved_at = clock()
        self._backlog = Backlog(reader=reader, selection=selection, hints=self._hints, position=self._saved)
        self._parcel: Iterator[dict[str, Any]] = iter(())
        self._event: dict[str, Any] | None = None
        self._settled_unsaved = False
        self._delivered = self._repeats = 0
        self._dead: Counter[str] = Counter()
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="promote", daemon=True)

    def count(self, events: Sequence[Event]) -> int:
        """How many of these events, decoded with `Selection.fields` at least, are to be promoted."""
        return len(self._selection.candidates(events))

    def select(self, selection: Selection) -> None:
        """Promote by other rules what is looked at from now on; on the thread that calls `count`.

        What was found already keeps the rule that found it.
        """
        self._selection = self._backlog.selection = selection

    def committed(self, lsn: int, candidates: int) -> None:
        """Commit `lsn` is durable and holds this number of events to promote.

        Told for every commit in order, on the way to its answer. What is not told is found in the journal.
        """
        self._hints.tell(lsn, candidates)
        if candidates:
            self._wake.set()

    def start(self) -> None:
        """Begin where the cursor stands; the journal is recovered by then."""
        self._backlog.fit()
        self._thread.start()

    def stop(self, timeout_seconds: float) -> bool:
        """Ask the thread to save the cursor and end, then close the sender.

        False where a slow server holds the thread.
        """
        self._stopping = True
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_seconds)
        ended = not self._thread.is_alive()
        if ended and self._route:
            self._route.close()
        return ended

    def report(self) -> Report:
        """Count what was done and what waits; callable from any thread."""
        head = self._backlog.head
        return Report(
            delivered=self._delivered,
            dead=dict(self._dead),
            repeats=self._repeats,
            retries=self._route.retries if self._route else 0,
            waiting=len(self._backlog),
            oldest_age_seconds=max(self._clock() - head.stored.received, 0.0) if head else 0.0,
            trouble=self._route.trouble if self._route else "",
            position=self._backlog.position,
        )

    def step(self) -> float:
        """Do what can be done now; say in how many seconds to come again."""
        return min(self._work(), self._save())

    def _run(self) -> None:
        while not self._stopping:
            try:
                wait = self.step()
            except Exception:
                log.exception("promotion rests for %.0f s after a fault", FAULT_SECONDS)
                wait = FAULT_SECONDS
            if wait != 0:
                self._wake.wait(wait)
                self._wake.clear()
        if self._route is None:
            self._backlog.leave()
        self._save(at_once=True)

    def _work(self) -> float:
        if self._route is None:
            self._backlog.leave()
            return IDLE_SECONDS
        if rest := self._route.rest_seconds():
            return rest
        candidate = self._backlog.head
        if candidate is None:
            return 0.0 if self._backlog.advance() else IDLE_SECONDS
        age = self._clock() - candidate.stored.received
        if age > MAX_AGE_SECONDS:
            self._give_up(candidate, "too_old")
            return 0.0
        grace = candidate.rule.breadcrumbs.grace_seconds + SETTLE_SECONDS
        if 0 <= age < grace:
            return grace - age
        if self._event is not None or self._wrap(candidate):
            self._send(candidate, self._route)
        return 0.0

    def _wrap(self, candidate: Candidate) -> bool:
        """Build the event to send; False where there is none, and the candidate is settled."""
        story = self._story(candidate)
        try:
            if is_repeat(candidate.stored, story, self._selection):
                self._repeats += 1
                self._settle()
                return False
            self._event = sentry_event(
                candidate.stored,
                journal=self._reader.identifier,
                story=story,
                rule=candidate.rule,
                defaults=self._defaults,
            )
        except Exception:
            log.exception("the event at %s cannot be promoted", place(candidate.stored))
            self._give_up(candidate, "unbuildable")
            return False
        self._parcel = smaller(self._event)
        return True

    def _story(self, candidate: Candidate) -> Sequence[StoredEvent]:
        """What is told with the candidate: nothing where it cannot be read, so that nothing waits for it.

        Raises:
            OSError: the journal's files cannot be read now.
        """
        until = candidate.stored.received + candidate.rule.breadcrumbs.grace_seconds
        try:
            found_by = members(candidate.stored.line).get("correlation_id")
            found = self._stories(found_by) if isinstance(found_by, str) and found_by else ()
            return recent(found, until=until)
        except OSError:
            raise
        except Exception:
            log.exception("the event at %s is promoted without its story", place(candidate.stored))
            return ()

    def _send(self, candidate: Candidate, route: Route) -> None:
        assert self._event is not None
        outcome = route.send(self._event)
        if outcome.verdict == "delivered":
            self._delivered += 1
            self._settle()
        elif outcome.verdict == "refused":
            self._give_up(candidate, outcome.reason)
        elif outcome.verdict == "too_large":
            self._event = next(self._parcel, None)
            if self._event is None:
                self._give_up(candidate, outcome.reason)

    def _give_up(self, candidate: Candidate, reason: str) -> None:
        log.warning("the event at %s was not promoted: %s", place(candidate.stored), reason)
        self._dead[reason] += 1
        self._settle()

    def _settle(self) -> None:
        self._event = None
        self._settled_unsaved = True
        self._backlog.settle()

    def _save(self, *, at_once: bool = False) -> float:
        """Save the cursor where it moved and its time has come; else say in how many seconds that may be."""
        position = self._backlog.position
        if position == self._saved:
            return IDLE_SECONDS
        patience = SAVE_SECONDS if self._settled_unsaved else LAZY_SAVE_SECONDS
        now = self._clock()
        if 0 <= now - self._saved_at < patience and not at_once:
            return self._saved_at + patience - now
        self._saved_at = now
        try:
            self._cursor.save(position)
        except OSError as fault:
            log.warning("%s cannot be saved (%s); it will be tried again", self._cursor.path, fault.strerror)
            return LAZY_SAVE_SECONDS
        self._saved = position
        self._settled_unsaved = False
        return IDLE_SECONDS

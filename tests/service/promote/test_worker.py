from __future__ import annotations

from itertools import pairwise

import pytest

from logweir_service.event import identity
from logweir_service.promote import Cursor, Selection, Worker, sentry_event
from logweir_service.promote.answer import Outcome
from logweir_service.promote.cursor import Position

from .parts import JOURNAL, NOON, Clock, FakeJournal, ScriptedSender, decoded, event, promote_rule

AGAIN = Outcome("again", "status_503")


class Promotion:
    """A worker stepped by hand, over parts that outlive it."""

    def __init__(self, folder) -> None:
        self.path = folder / "promote.cursor"
        self.journal = FakeJournal()
        self.clock = Clock()
        self.selection = Selection([promote_rule()])
        self.sender = ScriptedSender(clock=self.clock)
        self.worker = self.restarted()

    def restarted(self, *, sender="same", stories=None) -> Worker:
        self.worker = Worker(
            reader=self.journal,
            stories=stories or self.journal.story,
            selection=self.selection,
            cursor=Cursor(self.path, journal=JOURNAL),
            sender=self.sender if sender == "same" else sender,
            clock=self.clock,
            jitter=lambda: 1.0,
        )
        return self.worker

    def commit(self, *events) -> int:
        lsn = self.journal.commit(*events, received=self.clock.now - NOON)
        self.worker.committed(lsn, self.worker.count(decoded(self.selection, *events)))
        return lsn

    def run_until(self, after_noon: float) -> None:
        """Step whenever the worker asks to be stepped, the clock moving on in between."""
        end = NOON + after_noon
        while True:
            wait = self.worker.step()
            if self.clock.now + wait > end:
                self.clock.now = end
                return
            self.clock.now += max(wait, 1e-6) if wait else 0.0  # a double has no smaller steps here

    @property
    def saved(self) -> Position | None:
        return Cursor(self.path, journal=JOURNAL).load()


@pytest.fixture
def promotion(tmp_path):
    return Promotion(tmp_path)


def ids(*places: tuple[int, int]) -> list[str]:
    return [identity(JOURNAL, lsn, index).hex for lsn, index in places]


def test_an_error_is_sent_after_its_grace_time_with_what_arrived_in_it(promotion):
    promotion.commit(event(at=0, correlation_id="c"))
    promotion.clock.set(1)
    promotion.commit(event("charged", at=-1, level="info", service="payments", correlation_id="c"))

    promotion.run_until(2.4)
    assert promotion.sender.sent == []

    promotion.run_until(2.6)
    [sent] = promotion.sender.sent
    assert [crumb["category"] for crumb in sent["breadcrumbs"]["values"]] == ["payments.charged"]


def test_the_cursor_moves_behind_what_was_delivered_and_is_saved(promotion):
    promotion.commit(event(), event(), event("quiet", level="info"))

    promotion.run_until(10)

    assert promotion.sender.ids == ids((1, 0), (1, 1))
    assert promotion.saved == Position(2, 0)
    assert promotion.worker.report().delivered == 2


def test_a_restart_after_a_kill_sends_what_was_not_delivered(promotion):
    promotion.sender.outcomes = [Outcome("delivered"), *[AGAIN] * 20]
    promotion.commit(event(), event(), event())
    promotion.run_until(20)
    assert promotion.worker.report().trouble == "status_503"

    promotion.sender.sent.clear()
    promotion.sender.outcomes.clear()
    promotion.restarted()
    promotion.run_until(40)

    assert promotion.sender.ids == ids((1, 1), (1, 2))


@pytest.mark.fault(47)
def test_a_kill_between_delivery_and_saving_sends_the_same_event_again(promotion):
    promotion.commit(event(correlation_id="c", exception=[{"type": "E"}]))
    promotion.run_until(3)
    promotion.path.unlink()

    promotion.clock.set(100)
    promotion.journal.commit(event("late", at=-1, level="info", correlation_id="c"), received=100)
    promotion.restarted()
    promotion.run_until(120)

    first, again = promotion.sender.sent
    assert first == again


@pytest.mark.fault(46)
def test_a_failing_server_is_asked_ever_more_seldom_and_nothing_is_lost(promotion):
    promotion.sender.outcomes = [AGAIN] * 12
    promotion.commit(event(), event())

    promotion.run_until(3600)

    gaps = [round(after - before, 1) for before, after in pairwise(promotion.sender.times)]
    assert gaps == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4, 204.8, 300.0, 0.0]
    assert promotion.sender.ids == ids(*[(1, 0)] * 13, (1, 1))
    assert promotion.worker.report().retries == 12
    assert promotion.worker.report().trouble == ""


def test_a_server_that_recovered_is_asked_again_soon_when_it_fails_anew(promotion):
    promotion.sender.outcomes = [AGAIN, AGAIN, AGAIN, Outcome("delivered"), AGAIN]
    promotion.commit(event(), event())

    promotion.run_until(60)

    gaps = [round(after - before, 1) for before, after in pairwise(promotion.sender.times)]
    assert gaps == [0.2, 0.4, 0.8, 0.0, 0.2]


@pytest.mark.fault(46)
def test_a_server_that_asks_for_a_pause_gets_it(promotion):
    promotion.sender.outcomes = [Outcome("again", "rate_limited", 60.0), Outcome("delivered", "", 600.0)]
    promotion.commit(event(), event())

    promotion.run_until(62)
    assert promotion.sender.ids == ids((1, 0))
    promotion.run_until(63)
    assert promotion.sender.ids == ids((1, 0), (1, 0))
    promotion.run_until(660)
    assert len(promotion.sender.sent) == 2
    promotion.run_until(664)
    assert promotion.sender.ids[2:] == ids((1, 1))


@pytest.mark.fault(46)
def test_an_event_that_is_too_large_is_sent_smaller(promotion):
    promotion.sender.outcomes = [Outcome("too_large", "too_large")] * 2
    promotion.commit(event(correlation_id="c"))

    promotion.run_until(5)

    assert [sent["tags"].get("truncated") for sent in promotion.sender.sent] == [
        None,
        "without locals",
        "with few breadcrumbs",
    ]
    assert promotion.worker.report().delivered == 1


def test_an_event_that_is_never_small_enough_does_not_hold_up_the_next(promotion):
    promotion.sender.outcomes = [Outcome("too_large", "too_large")] * 4
    promotion.commit(event(), event())

    promotion.run_until(5)

    assert promotion.sender.ids == ids(*[(1, 0)] * 4, (1, 1))
    assert promotion.worker.report().dead == {"too_large": 1}


@pytest.mark.fault(46)
def test_an_event_that_the_server_refuses_is_counted_and_left_behind(promotion, caplog):
    promotion.sender.outcomes = [Outcome("refused", "status_400")]
    promotion.commit(event(), event())

    promotion.run_until(5)

    assert promotion.worker.report().dead == {"status_400": 1}
    assert promotion.worker.report().delivered == 1
    assert promotion.saved == Position(2, 0)
    assert "was not promoted: status_400" in caplog.text


def test_an_event_that_cannot_be_built_is_counted_and_left_behind(promotion, monkeypatch, caplog):
    def odd(error, **parts):
        if error.index == 0:
            raise KeyError("surprise")
        return sentry_event(error, **parts)

    monkeypatch.setattr("logweir_service.promote.worker.sentry_event", odd)
    promotion.commit(event(), event())

    promotion.run_until(10)

    assert promotion.worker.report().dead == {"unbuildable": 1}
    assert promotion.sender.ids == ids((1, 1))
    assert "surprise" in caplog.text


def test_a_worker_that_stops_lets_its_connection_go(promotion):
    promotion.worker.start()
    assert promotion.worker.stop(10)
    assert promotion.sender.closed


def test_a_story_that_cannot_be_read_does_not_hold_up_its_error(promotion, caplog):
    def odd(correlation_id):
        yield from promotion.journal.story(correlation_id)
        raise ValueError("surprise")

    promotion.restarted(stories=odd)
    promotion.commit(event(correlation_id="c"), event())

    promotion.run_until(10)

    assert promotion.sender.ids == ids((1, 0), (1, 1))
    assert "surprise" in caplog.text


def test_an_error_waits_where_the_files_of_its_story_cannot_be_read_now(promotion):
    def unreadable(correlation_id):
        raise OSError("disk")

    promotion.restarted(stories=unreadable)
    promotion.commit(event(correlation_id="c"))

    with pytest.raises(OSError, match="disk"):
        promotion.run_until(10)
    assert promotion.worker.report().position == Position(1, 0)


def test_of_a_long_story_only_the_end_is_held_and_later_events_change_nothing(promotion, monkeypatch):
    monkeypatch.setattr("logweir_service.promote.story.MAX_EVENTS", 3)
    quiet = [event(f"n{number}", at=-9 + number, level="info", correlation_id="c") for number in range(6)]
    promotion.commit(*quiet, event(correlation_id="c"))
    promotion.run_until(3)
    promotion.path.unlink()
    promotion.journal.commit(*quiet, received=100)
    promotion.restarted()
    promotion.run_until(120)

    first, again = promotion.sender.sent
    assert [crumb["category"] for crumb in first["breadcrumbs"]["values"]] == ["shop.n4", "shop.n5"]
    assert first == again


def test_an_error_older_than_a_week_is_set_aside(promotion):
    promotion.commit(event())
    promotion.clock.set(8 * 86_400)
    promotion.commit(event())

    promotion.run_until(8 * 86_400 + 5)

    assert promotion.sender.ids == ids((2, 0))
    assert promotion.worker.report().dead == {"too_old": 1}


def test_without_a_sender_errors_are_passed_over_for_good(promotion):
    promotion.restarted(sender=None)
    promotion.commit(event())
    promotion.run_until(20)
    assert promotion.saved == Position(2, 0)

    promotion.restarted()
    promotion.commit(event())
    promotion.run_until(40)

    assert promotion.sender.ids == ids((2, 0))


def test_one_error_reported_at_two_layers_is_sent_once(promotion):
    promotion.commit(event(error_id="e1", correlation_id="c"), event(error_id="e1", correlation_id="c"))

    promotion.run_until(5)

    assert promotion.sender.ids == ids((1, 0))
    assert promotion.worker.report().repeats == 1


def test_what_was_never_told_is_found_in_the_journal(promotion):
    promotion.journal.commit(event())

    promotion.run_until(10)

    assert promotion.sender.ids == ids((1, 0))


def test_a_journal_without_errors_is_followed_without_being_read(promotion):
    for _ in range(50):
        promotion.commit(event("quiet", level="info"))

    promotion.run_until(20)

    assert promotion.journal.read == []
    assert promotion.saved == Position(51, 0)


def test_what_waits_and_how_old_it_is_are_told(promotion):
    promotion.sender.outcomes = [AGAIN] * 50
    promotion.commit(event(), event())
    promotion.commit(event())

    promotion.run_until(40)

    report = promotion.worker.report()
    assert (report.waiting, report.oldest_age_seconds, report.delivered) == (3, 40, 0)


def test_a_clock_set_back_does_not_hold_up_an_error(promotion):
    promotion.clock.set(3600)
    promotion.commit(event())
    promotion.clock.set(0)

    promotion.run_until(5)

    assert len(promotion.sender.sent) == 1


def test_a_cursor_that_cannot_be_saved_stops_nothing(promotion, caplog):
    promotion.path.mkdir()
    promotion.commit(event())

    promotion.run_until(10)
    promotion.path.rmdir()
    promotion.run_until(30)

    assert len(promotion.sender.sent) == 1
    assert "cannot be saved" in caplog.text
    assert promotion.saved == Position(2, 0)

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from logweir_service.promote import Selection
from logweir_service.promote.backlog import Backlog
from logweir_service.promote.cursor import START, Position
from logweir_service.promote.hints import MAX_TOLD, Hints

from .parts import FakeJournal, event, promote_rule

QUIET = event("quiet", level="info")


def backlog(journal: FakeJournal, hints: Hints | None = None, position: Position = START) -> Backlog:
    return Backlog(
        reader=journal, selection=Selection([promote_rule()]), hints=hints or Hints(), position=position
    )


def drain(found: Backlog) -> list[tuple[int, int]]:
    """Settle all that is found up to the journal's end."""
    places = []
    while found.head is not None or found.advance():
        if found.head is not None:
            places.append((found.head.stored.lsn, found.head.stored.index))
            found.settle()
    return places


def test_every_error_is_found_in_the_journals_order():
    journal = FakeJournal()
    journal.commit(QUIET, event(), QUIET, event())
    journal.commit(QUIET)
    journal.commit(event())

    found = backlog(journal)

    assert drain(found) == [(1, 1), (1, 3), (3, 0)]
    assert found.position == Position(4, 0)


def test_a_restart_goes_on_in_the_middle_of_a_commit():
    journal = FakeJournal()
    journal.commit(event(), event(), event())
    first = backlog(journal)
    assert first.advance()
    first.settle()

    assert first.position == Position(1, 1)
    assert drain(backlog(journal, position=first.position)) == [(1, 1), (1, 2)]


def test_commits_told_to_hold_nothing_are_not_read():
    journal, hints = FakeJournal(), Hints()
    for number in range(1, 101):
        hints.tell(journal.commit(event() if number == 50 else QUIET), int(number == 50))

    assert drain(backlog(journal, hints)) == [(50, 0)]
    assert journal.read == [50]


def test_what_was_committed_before_the_hints_began_is_read():
    journal, hints = FakeJournal(), Hints()
    journal.commit(event())
    journal.commit(QUIET)
    hints.tell(journal.commit(QUIET), 0)
    hints.tell(journal.commit(event()), 1)

    assert drain(backlog(journal, hints)) == [(1, 0), (4, 0)]
    assert journal.read[:2] == [1, 2]


def test_after_a_gap_in_the_hints_nothing_is_passed_over():
    journal, hints = FakeJournal(), Hints()
    hints.tell(journal.commit(event()), 1)
    journal.commit(event())
    hints.tell(journal.commit(QUIET), 0)

    assert drain(backlog(journal, hints)) == [(1, 0), (2, 0)]


def test_hints_are_bounded_and_forgetting_them_loses_nothing():
    hints = Hints()
    for lsn in range(1, 2 * MAX_TOLD):
        hints.tell(lsn, 1)

    assert hints.beyond(0) <= MAX_TOLD
    assert hints.skip(1) == 1


@given(
    commits=st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), max_size=40),
    start=st.integers(1, 10),
)
def test_whatever_is_told_and_whenever_it_is_asked_each_error_is_found_once(commits, start):
    journal, hints = FakeJournal(), Hints()
    found, places = backlog(journal, hints, Position(start, 0)), []
    for is_error, is_told, ask_now in commits:
        lsn = journal.commit(event() if is_error else QUIET)
        if is_told:
            hints.tell(lsn, int(is_error))
        if ask_now:
            places += drain(found)

    places += drain(found)

    assert places == [(lsn, 0) for lsn, (is_error, *_) in enumerate(commits, 1) if is_error and lsn >= start]


def test_leaving_passes_over_everything_that_waits():
    journal = FakeJournal()
    journal.commit(event(), event())
    journal.commit(event())
    found = backlog(journal)
    found.advance()

    found.leave()

    assert (found.head, found.position, len(found)) == (None, Position(3, 0), 0)


def test_a_journal_restored_to_an_earlier_end_is_followed_from_there():
    journal = FakeJournal()
    journal.commit(QUIET)
    found = backlog(journal, position=Position(90, 4))

    found.fit()
    journal.commit(event())

    assert drain(found) == [(2, 0)]


def test_the_waiting_are_counted_with_those_only_told_of():
    journal, hints = FakeJournal(), Hints()
    hints.tell(journal.commit(event(), event()), 2)
    hints.tell(journal.commit(event()), 1)
    found = backlog(journal, hints)

    assert len(found) == 3
    found.advance()
    assert len(found) == 3
    found.settle()
    assert len(found) == 2

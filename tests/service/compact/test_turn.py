from dataclasses import dataclass

from logweir_service.compact import next_in_turn

NOW = 1_000_000.0


@dataclass
class Sealed:
    first_lsn: int
    received: float = NOW - 3600
    due: float = 0.0

    @property
    def last_lsn(self) -> int:
        return self.first_lsn + 9


def first(*sealed, read_lsn=1000, waiting=()):
    found = next_in_turn(
        sealed, due=lambda each: each.due, now=NOW, after_seconds=3600, read_lsn=read_lsn, waiting=waiting
    )
    return found and found.first_lsn


def test_oldest_that_is_due_comes_first():
    assert first(Sealed(1), Sealed(11)) == 1
    assert first(Sealed(1, due=float("inf")), Sealed(11)) == 11
    assert first(Sealed(1, due=NOW + 1), Sealed(11, due=NOW)) == 11
    assert first() is None


def test_one_whose_stories_may_go_on_waits():
    assert first(Sealed(1, received=NOW - 3599)) is None


def test_one_that_a_checkpoint_or_a_cursor_still_needs_waits_and_so_do_all_behind_it():
    assert first(Sealed(1), read_lsn=9) is None
    assert first(Sealed(1), read_lsn=10) == 1
    assert first(Sealed(1, due=NOW + 9), Sealed(11), read_lsn=19) is None


def test_one_that_failed_is_passed_over_for_a_while():
    assert first(Sealed(1), Sealed(11), waiting={1}) == 11

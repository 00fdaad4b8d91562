import pytest
from hypothesis import given
from hypothesis import strategies as st

from logweir_service.journal import StreamConflict
from logweir_service.journal.streams import Mark, Marks, known_of

MARK = Mark(next_seq=101, seq=51, body_crc32=7, closed=False, seen=0.0)


@pytest.mark.parametrize(
    ("seq", "span", "known"),
    [
        (101, 10, 0),
        (51, 50, 50),
        (51, 60, 50),
        (60, 10, 10),
        (91, 20, 10),
        (1, 5, 5),
        (111, 5, 0),
        (101, 0, 0),
        (51, 0, 0),
    ],
)
def test_body_is_placed_behind_what_is_known(seq, span, known):
    assert known_of(MARK, seq=seq, span=span, body_crc32=7) == known


@pytest.mark.parametrize("seq", [1, 500])
def test_nothing_is_known_of_a_stream_that_was_never_seen(seq):
    assert known_of(None, seq=seq, span=5, body_crc32=0) == 0


def test_other_bytes_in_the_place_of_the_last_body_are_a_conflict():
    with pytest.raises(StreamConflict):
        known_of(MARK, seq=51, span=50, body_crc32=8)


def test_a_body_cut_anew_is_no_conflict():
    assert known_of(MARK, seq=51, span=49, body_crc32=8) == 49
    assert known_of(MARK, seq=41, span=60, body_crc32=8) == 60


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 20)), max_size=20))
def test_every_number_is_taken_once_and_holes_are_told(bodies):
    marks = Marks()
    taken: list[int] = []
    begin: int | None = None
    for seq, span in bodies:
        known = known_of(marks.get("s"), seq=seq, span=span, body_crc32=0)
        taken += range(seq + known, seq + span)
        if known < span:
            marks.put("s", Mark(seq + span, seq, 0, closed=False, seen=0.0))
            begin = seq if begin is None else begin
    assert len(taken) == len(set(taken))
    if begin is not None:
        assert marks.open["s"].next_seq - begin == len(taken) + marks.losses.never_sent
        assert marks.losses.joined_late == (begin > 1)

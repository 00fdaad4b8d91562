import pytest
from hypothesis import given
from hypothesis import strategies as st

from logweir_service.journal import Placement, StreamConflict
from logweir_service.journal.streams import Mark, place

MARK = Mark(next_seq=101, seq=51, body_crc32=7, closed=False, seen=0.0)


@pytest.mark.parametrize(
    ("seq", "span", "placement"),
    [
        (101, 10, Placement()),
        (51, 50, Placement(known=50)),
        (51, 60, Placement(known=50)),
        (60, 10, Placement(known=10)),
        (91, 20, Placement(known=10)),
        (1, 5, Placement(known=5)),
        (111, 5, Placement(hole=10)),
        (101, 0, Placement()),
        (51, 0, Placement()),
    ],
)
def test_body_is_placed_behind_what_is_known(seq, span, placement):
    assert place(MARK, seq=seq, span=span, body_crc32=7) == placement


def test_unknown_stream_may_join_late():
    assert place(None, seq=1, span=5, body_crc32=0) == Placement()
    assert place(None, seq=500, span=5, body_crc32=0) == Placement(joined_late=True)


def test_other_bytes_in_the_place_of_the_last_body_are_a_conflict():
    with pytest.raises(StreamConflict):
        place(MARK, seq=51, span=50, body_crc32=8)


def test_a_body_cut_anew_is_no_conflict():
    assert place(MARK, seq=51, span=49, body_crc32=8) == Placement(known=49)
    assert place(MARK, seq=41, span=60, body_crc32=8) == Placement(known=60)


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 20)), max_size=20))
def test_every_number_is_taken_once_and_holes_are_told(bodies):
    mark: Mark | None = None
    taken: list[int] = []
    holes = 0
    for seq, span in bodies:
        placement = place(mark, seq=seq, span=span, body_crc32=0)
        taken += range(seq + placement.known, seq + span)
        holes += placement.hole
        if mark is None or placement.known < span:
            mark = Mark(seq + span, seq, 0, closed=False, seen=0.0)
        elif placement.hole:
            holes -= placement.hole
    assert len(taken) == len(set(taken))
    if mark is not None and bodies:
        first = bodies[0][0]
        assert mark.next_seq - first == len(taken) + holes

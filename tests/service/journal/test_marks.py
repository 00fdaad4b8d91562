import time
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logweir_service.journal import DataFolder, StreamPosition
from logweir_service.journal.format import Commit
from logweir_service.journal.known import LONGEST_PAUSE_SECONDS, Known, KnownState
from logweir_service.journal.streams import CLOSED_SECONDS, SILENT_SECONDS, Mark, Marks

from .written import opened

START = 1_790_000_040.0  # on a full minute


def mark(seen: float, *, closed: bool = False, service: str = "shop", next_seq: int = 2) -> Mark:
    return Mark(next_seq, 1, 7, closed, seen, service)


def commit_of(stream: str, received: float, *, closed: bool = False, lsn: int = 1, service: str = "shop"):
    return Commit(lsn, received, 1, 10, StreamPosition(stream, 1, 2, 7, closed), 0, service)


def reread(known: Known) -> Known:
    """As a checkpoint brings it back."""
    again = Known()
    again.restore(msgspec.json.decode(msgspec.json.encode(known.dump()), type=KnownState))
    return again


def test_mark_is_forgotten_in_its_time_by_the_time_of_receipt():
    marks = Marks()
    marks.put("closed", mark(START, closed=True))
    marks.put("open", mark(START))
    marks.expire(START + CLOSED_SECONDS)
    assert marks.get("closed") is not None
    marks.expire(START + CLOSED_SECONDS + 1)
    assert marks.get("closed") is None
    marks.expire(START + SILENT_SECONDS)
    assert marks.get("open") is not None
    marks.expire(START + SILENT_SECONDS + 1)
    assert marks.get("open") is None


def test_only_streams_that_never_closed_are_counted_and_by_their_service():
    marks = Marks()
    for number in range(5):
        marks.put(f"shop-{number}", mark(START))
        marks.put(f"done-{number}", mark(START, closed=True))
    marks.put("pay", mark(START, service="pay"))
    marks.put("mixed", mark(START, service=""))
    marks.expire(START + 2 * SILENT_SECONDS)
    assert marks.losses.unclosed == {"shop": 5, "pay": 1, "unknown": 1}
    assert len(marks) == 0


def test_services_of_forgotten_streams_are_told_apart_up_to_a_limit():
    marks = Marks()
    for number in range(1500):
        marks.put(str(number), mark(START, service=f"made-up-{number}"))
    marks.expire(START + 2 * SILENT_SECONDS)
    assert len(marks.losses.unclosed) == 1001
    assert marks.losses.unclosed["__other__"] == 500


def test_closed_stream_that_speaks_again_is_open_again():
    marks = Marks()
    marks.put("s", mark(START, closed=True))
    marks.put("s", mark(START + 60, next_seq=9))
    assert (len(marks.open), len(marks.closed)) == (1, 0)
    marks.expire(START + CLOSED_SECONDS + 120)
    found = marks.get("s")
    assert found is not None
    assert found.next_seq == 9


def test_open_stream_that_closes_is_forgotten_after_an_hour_and_not_counted():
    marks = Marks()
    marks.put("s", mark(START))
    marks.put("s", mark(START + 1, closed=True))
    marks.expire(START + CLOSED_SECONDS + 2)
    assert len(marks) == 0
    assert marks.losses.unclosed == {}


def test_mark_keeps_its_service_where_a_later_body_names_none_or_several():
    marks = Marks()
    marks.put("s", mark(START))
    marks.put("s", mark(START + 1, service="", closed=True))
    found = marks.get("s")
    assert found is not None
    assert found.service == "shop"
    marks.put("s", mark(START + 2, service="pay"))
    assert marks.open["s"].service == "pay"


def test_stream_that_speaks_is_not_overdue_because_it_is_old():
    marks = Marks()
    marks.put("old", mark(START))
    marks.put("other", mark(START + 5))
    marks.put("old", mark(START + SILENT_SECONDS))
    marks.expire(START + SILENT_SECONDS + 10)
    assert [*marks.open] == ["old"]


@pytest.mark.parametrize("closed", [False, True])
def test_beyond_the_limit_those_go_that_were_silent_for_longest(monkeypatch, closed):
    monkeypatch.setattr("logweir_service.journal.streams.MAX_OPEN", 200)
    monkeypatch.setattr("logweir_service.journal.streams.MAX_CLOSED", 200)
    marks = Marks()
    for number in range(205):
        marks.put(str(number), mark(START + number, closed=closed))
    kept = marks.closed if closed else marks.open
    assert 198 <= len(kept) <= 200
    assert [*kept] == [str(number) for number in range(205 - len(kept), 205)]
    assert marks.losses.forgotten == 205 - len(kept)
    assert marks.losses.unclosed == {}


@pytest.mark.fault(37)
@pytest.mark.parametrize("jump", [86_400, -86_400, 10 * 365 * 86_400])
def test_clock_that_jumps_and_comes_back_forgets_nothing_early_and_nothing_late(jump):
    known = Known()
    received = [START, START + 30 + jump, START + 60, START + 90 + jump, START + 120]
    for number, each in enumerate(received, 1):
        known.take(commit_of(f"closed-{number}", each, closed=True, lsn=number))
        known.expire()
    assert len(known.marks) == len(received)
    now = received[-1]
    while now < received[-1] + CLOSED_SECONDS + 60:
        now += 60
        known.take(commit_of("open", now))
        known.expire()
    assert [*known.marks.closed] == []


@st.composite
def histories(draw: Any) -> list[list[Commit]]:
    """Groups of commits, as a journal holds them: groups move on in time, mostly forwards."""
    now, lsn, groups = START, 0, []
    for _ in range(draw(st.integers(1, 12))):
        now += draw(st.sampled_from([0.0, 1.0, 59.0, 3600.0, 3661.0, 86_400.0, 7 * 86_400.0, -3600.0]))
        group = []
        for _ in range(draw(st.integers(1, 4))):
            lsn += 1
            name = f"s{draw(st.integers(0, 5))}"
            service = draw(st.sampled_from(["shop", "pay", ""]))
            group.append(commit_of(name, now, closed=draw(st.booleans()), lsn=lsn, service=service))
        groups.append(group)
    return groups


@pytest.mark.fault(18, 19)
@given(histories(), st.data())
@settings(max_examples=40, deadline=None)
def test_senders_after_a_restart_at_any_point_are_known_as_before_it(tmp_path_factory, groups, data):
    longest = data.draw(st.sampled_from([LONGEST_PAUSE_SECONDS, 8 * 86_400.0]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("logweir_service.journal.known.LONGEST_PAUSE_SECONDS", longest)
        _restart_anywhere(DataFolder(tmp_path_factory.mktemp("marks") / "data"), groups, data)


def _restart_anywhere(folder: DataFolder, groups: list[list[Commit]], data: Any) -> None:
    saved_at = data.draw(st.integers(0, len(groups)))
    with opened(folder) as (journal, _, _):
        position, state = journal.position, KnownState()
        for number, commits in enumerate(groups, 1):
            group = journal.begin(commits[0].received)
            for each in commits:
                journal.append(
                    group, b"", count=0, lines_crc32=0, position=each.position, service=each.service
                )
            journal.write(group)
            journal.settle(group)
            if number == saved_at:
                position = journal.position
                state = msgspec.json.decode(msgspec.json.encode(journal.known.dump()), type=KnownState)
        live = journal.known.dump()
    with opened(folder, position=position, known=state) as (journal, _, _):
        again = journal.known.dump()
    assert again == live
    assert [*again.open] == [*live.open]
    assert [*again.closed] == [*live.closed]


@pytest.mark.parametrize(("closed", "most_bytes"), [(True, 11_000_000), (False, 55_000_000)])
def test_a_million_short_lived_streams_keep_the_checkpoint_small(closed, most_bytes):
    """Fifty new ones a second for five and a half hours."""
    known = Known()
    now, started, slowest, largest = START, time.perf_counter(), 0.0, 0
    for number in range(1_000_000):
        now += 0.02
        name = f"1b4e28ba-2fa1-4000-8000-{number:012x}"
        known.marks.put(name, Mark(1200, 1000, 4_000_000_000, False, now, "payment-gateway"))
        if closed:
            known.marks.put(name, Mark(1201, 1200, 4_000_000_000, True, now, ""))
        if number % 10 == 0:
            known.now = now
            known.expire()
        if number % 200_000 == 199_999:
            largest = max(largest, len(msgspec.json.encode(known.dump())))
            slowest = max(slowest, time.perf_counter() - started)
            started = time.perf_counter()
    assert largest < most_bytes
    assert len(known.marks) <= (100_000 if closed else 500_000)
    assert known.marks.losses.forgotten > 0
    assert reread(known).dump() == known.dump()
    assert slowest < 20  # of a fifth; looking through all marks for each group would take minutes

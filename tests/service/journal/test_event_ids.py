import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logweir_service.journal import EventId
from logweir_service.journal.event_ids import KEPT_SECONDS, MAX_IDS, EventIds
from logweir_service.journal.known import Known, KnownState

START = 1_790_000_040.0


def of(*numbers, service="shop"):
    return [EventId.of(service, f"id-{number}") for number in numbers]


def known(ids, *numbers, service="shop"):
    return [number for number in numbers if EventId.of(service, f"id-{number}") in ids]


def reread(ids):
    """As a checkpoint brings it back."""
    state = KnownState(event_ids=ids.dump())
    again = EventIds()
    again.restore(msgspec.json.decode(msgspec.json.encode(state), type=KnownState).event_ids)
    return again


def test_id_is_known_within_its_service_alone():
    ids = EventIds()
    ids.add(of(1), START)
    assert known(ids, 1, 2) == [1]
    assert known(ids, 1, service="pay") == []


def test_id_is_known_for_a_day_from_its_first_receipt():
    ids = EventIds()
    ids.add(of(1), START)
    ids.add(of(1, 2), START + 100)
    ids.expire(START + KEPT_SECONDS)
    assert known(ids, 1, 2) == [1, 2]
    ids.expire(START + KEPT_SECONDS + 1)
    assert (known(ids, 1, 2), len(ids)) == ([2], 1)
    ids.expire(START + KEPT_SECONDS + 101)
    assert (len(ids), ids.dump()) == (0, {})


def test_newest_ids_of_a_service_push_out_its_oldest_and_no_other_service(monkeypatch):
    monkeypatch.setattr("logweir_service.journal.event_ids.MAX_IDS", 200)
    ids = EventIds()
    ids.add(of(1, service="pay"), START)
    ids.add(of(*range(1000)), START)
    kept = known(ids, *range(1000))
    assert 198 <= len(kept) <= 200
    assert kept == [*range(1000 - len(kept), 1000)]
    assert known(ids, 1, service="pay") == [1]
    assert len(ids) == len(kept) + 1


def test_all_services_together_keep_no_more_than_the_limit(monkeypatch):
    monkeypatch.setattr("logweir_service.journal.event_ids.MAX_ALL_IDS", 300)
    ids = EventIds()
    for number in range(400):
        ids.add(of(number, service=f"s{number % 3}"), START)
    assert len(ids) <= 300
    assert known(ids, 399, service="s0") == [399]


@pytest.mark.fault(40)
def test_made_up_services_share_one_window_and_still_know_their_ids_apart(monkeypatch):
    monkeypatch.setattr("logweir_service.journal.event_ids.MAX_SERVICES", 10)
    monkeypatch.setattr("logweir_service.journal.event_ids.MAX_IDS", 100)
    ids = EventIds()
    for number in range(1000):
        ids.add(of(number, service=f"made-up-{number}"), START)
    assert len(ids) <= 110
    assert len(ids.dump()) == 11
    assert known(ids, 999, service="made-up-999") == [999]
    assert known(ids, 999, service="made-up-998") == []
    again = reread(ids)
    assert known(again, 999, service="made-up-999") == [999]


def test_full_window_takes_new_ids_as_fast_as_an_empty_one():
    """To look for the oldest of a dict from which the first ones were removed takes longer and longer."""
    ids = EventIds()
    spent = []
    for begin in range(0, 3 * MAX_IDS, MAX_IDS):
        started = time.perf_counter()
        ids.add((EventId("shop", digest) for digest in range(begin, begin + MAX_IDS)), START)
        spent.append(time.perf_counter() - started)
    assert spent[2] < 10 * spent[0] + 0.2
    assert len(ids) > MAX_IDS * 0.98


def test_full_windows_make_a_checkpoint_of_some_20_bytes_an_id():
    ids = EventIds()
    ids.add((EventId("shop", digest) for digest in range(MAX_IDS)), START)
    assert len(msgspec.json.encode(ids.dump())) < 22.5 * MAX_IDS


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 2**64 - 1), st.integers(0, 90_000)), max_size=60
    )
)
def test_checkpoint_brings_back_the_same_ids_in_the_same_order(added):
    ids = EventIds()
    now = int(START)
    for service, digest, later in added:
        now += later
        ids.add([EventId(service, digest)], now)
        ids.expire(now)
    again = reread(ids)
    assert again.dump() == ids.dump()
    assert len(again) == len(ids)
    now += 50_000
    for each in (ids, again):
        each.expire(now)
    assert again.dump() == ids.dump()


def test_ids_are_looked_through_once_a_minute_and_never_forgotten_too_early():
    everything = Known()
    everything.event_ids.add(of(1), START + 30)
    everything.now = START + KEPT_SECONDS + 31
    everything.expire()
    assert known(everything.event_ids, 1) == [1]  # to the minute
    everything.now = START + KEPT_SECONDS + 60
    everything.expire()
    assert known(everything.event_ids, 1) == []
    everything.event_ids.add(of(2), START)
    everything.now = START + KEPT_SECONDS + 61
    everything.expire()
    assert known(everything.event_ids, 2) == [2]
    everything.now = START + KEPT_SECONDS + 120
    everything.expire()
    assert known(everything.event_ids, 2) == []

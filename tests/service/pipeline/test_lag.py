import time
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logweir_service.event import event_type
from logweir_service.pipeline import BOUNDS, Delivery
from logweir_service.pipeline.lag import Lag
from logweir_service.settings import Settings

from .living import line, living

RECEIVED = 1_790_000_000.0
_EVENT = msgspec.json.Decoder(event_type(()))


def events(*lags: float) -> list[Any]:
    found = []
    for lag in lags:
        at = datetime.fromtimestamp(RECEIVED, UTC) - timedelta(seconds=lag)
        found.append(_EVENT.decode(line(timestamp=at.isoformat())))
    return found


def reference(lags: list[float]) -> list[int]:
    """Events up to each bound, as Prometheus defines a bucket, and at last all."""
    late = [max(round(lag, 6), 0.0) for lag in lags]
    return [*(sum(each <= bound for each in late) for bound in BOUNDS), len(late)]


LAGS = st.one_of(st.floats(-400, 300_000), st.sampled_from([0.0, *BOUNDS]), st.floats(0, 2))


@given(st.lists(st.lists(LAGS, min_size=1, max_size=8), max_size=6))
def test_buckets_are_those_of_a_plain_count_and_the_sum_is_near_and_never_negative(pieces):
    lag = Lag()
    for piece in pieces:
        assert lag.take(events(*piece), RECEIVED) == pytest.approx(max(min(piece), 0.0), abs=1e-4)
    everything = [each for piece in pieces for each in piece]
    counted = [*accumulate(lag.counts)]
    # where a lag lies on a bound, a float's last digit decides
    near = [each + shift for each in everything for shift in (-1e-5, 1e-5)]
    low, high = (
        reference([each + 1e-5 for each in everything]),
        reference([each - 1e-5 for each in everything]),
    )
    assert all(a <= b <= c for a, b, c in zip(low, counted, high, strict=True)), near
    plain = sum(max(each, 0.0) for each in everything)
    assert lag.sum >= 0
    widest = [max(each) - min(each) for each in pieces]
    assert abs(lag.sum - plain) <= sum(
        width * len(piece) for width, piece in zip(widest, pieces, strict=True)
    ) + 1e-3 * len(everything)


def test_lag_on_a_bound_belongs_to_its_bucket():
    lag = Lag()
    lag.take(events(0.5, 1.0, 60.0), RECEIVED)
    assert [count for count in lag.counts if count] == [1, 1, 1]
    assert lag.counts[0] == lag.counts[1] == lag.counts[BOUNDS.index(60.0)] == 1


@pytest.mark.fault(37)
def test_event_from_the_future_is_not_early_but_on_time():
    lag = Lag()
    assert lag.take(events(-200.0), RECEIVED) == 0.0
    assert (lag.counts[0], lag.sum) == (1, 0.0)


def test_events_later_than_all_bounds_are_counted_beyond_them():
    lag = Lag()
    lag.take(events(10 * 86_400.0), RECEIVED)
    assert lag.counts[-1] == 1


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def test_service_is_catching_up_while_its_newest_events_are_late_and_it_speaks():
    clock = Clock()
    lag = Lag(ticks=clock)
    lag.heard({"shop", "pay"}, lag=61.0, received=RECEIVED)
    assert lag.catching_up() == {"shop": 1.0, "pay": 1.0}
    lag.heard({"pay"}, lag=60.0, received=RECEIVED)
    assert lag.catching_up() == {"shop": 1.0, "pay": 0.0}
    clock.now += 300
    assert lag.catching_up() == {"shop": 1.0, "pay": 0.0}
    clock.now += 1
    assert lag.catching_up() == {"shop": 0.0, "pay": 0.0}  # gone, not catching up
    lag.heard({"shop"}, lag=3600.0, received=RECEIVED)
    assert lag.catching_up()["shop"] == 1.0


def test_the_last_event_of_a_service_is_its_newest_and_never_in_the_future():
    lag = Lag()
    lag.heard({"shop", "pay"}, lag=10.0, received=RECEIVED)
    lag.heard({"shop"}, lag=3600.0, received=RECEIVED + 60)  # brings what it had kept
    lag.heard({"pay"}, lag=0.0, received=RECEIVED + 60)
    assert lag.last_events() == {"shop": RECEIVED - 10, "pay": RECEIVED + 60}


@pytest.mark.fault(40)
def test_made_up_services_beyond_a_limit_are_not_remembered():
    lag = Lag()
    for number in range(1500):
        lag.heard({f"made-up-{number}"}, lag=100.0, received=RECEIVED)
    lag.heard({"made-up-0"}, lag=0.0, received=RECEIVED)
    assert len(lag.catching_up()) == len(lag.last_events()) == 1000
    assert lag.catching_up()["made-up-0"] == 0.0


def test_service_that_catches_up_shows_in_a_scrape(tmp_path):
    """The newest event of a body decides: the others of it were spooled as well."""
    settings = Settings(LOGWEIR_DATA=tmp_path / "data")

    def at(seconds):
        return (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()

    async def use(pipeline):
        def read(name, **labels):
            return pipeline.telemetry.registry.get_sample_value(name, labels)

        shown = []
        late = line(timestamp=at(9000))
        for body in (late, late + line(timestamp=at(1)), late, b"".join([line(timestamp=at(1)), late])):
            await pipeline.submit(Delivery(body))
            shown.append(read("logweir_catching_up", service="shop"))
        return (
            shown,
            read("logweir_event_lag_seconds_count"),
            read("logweir_event_lag_seconds_bucket", le="2.5"),
            read("logweir_event_lag_seconds_bucket", le="21600.0"),
            time.time() - read("logweir_source_last_event_timestamp_seconds", service="shop"),
        )

    *found, silent_for = living(settings, use)
    assert found == [[1.0, 0.0, 1.0, 0.0], 6.0, 2.0, 6.0]
    assert 1.0 <= silent_for < 3600.0


def test_who_speaks_is_told_with_how_late_and_how_long_ago():
    now = 50.0
    lag = Lag(ticks=lambda: now)
    lag.heard({"shop"}, lag=90.0, received=RECEIVED)
    now = 60.0
    lag.heard({"web"}, lag=0.5, received=RECEIVED + 10)
    told = {
        each.service: (each.last_event - RECEIVED, each.lag_seconds, each.silent_seconds)
        for each in lag.speakers()
    }
    assert told == {"shop": (-90.0, 90.0, 10.0), "web": (9.5, 0.5, 0.0)}
    assert {each.service for each in lag.speakers() if each.is_catching_up} == {"shop"}
    now = 351.0
    assert not any(each.is_catching_up for each in lag.speakers())

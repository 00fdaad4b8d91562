from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logweir_service.status.totals import commits, totals_of
from logweir_service.status.trends import EVERY_SECONDS, SPAN_SECONDS, LastHour, Totals, quantile
from logweir_service.telemetry import Telemetry

BOUNDS = (0.001, 0.01, 0.1)


def totals(ticks: float, **counted) -> Totals:
    return Totals(1_790_000_000 + ticks, ticks, **counted)


def test_an_hour_is_shown_as_rates_between_its_steps_and_what_is_not_known_as_nothing():
    hour = LastHour(BOUNDS)
    for step in range(4):
        counted = {"events": 100.0 * step, "errors": 10.0 * step, "bytes": 1e6 * step}
        hour.take(totals(step * 10.0, **counted))
    trends = hour.trends()
    assert len(trends.events) == SPAN_SECONDS / EVERY_SECONDS == 360
    assert trends.events[-4:] == [None, 10.0, 10.0, 10.0]
    assert trends.errors[-3:] == [1.0, 1.0, 1.0]
    assert trends.bytes[-1] == 100_000.0
    assert trends.until == 1_790_000_030


def test_no_more_than_an_hour_is_kept():
    hour = LastHour(BOUNDS)
    for step in range(1000):
        hour.take(totals(step * 10.0, events=float(step)))
    trends = hour.trends()
    assert len(trends.events) == 360
    assert set(trends.events) == {0.1}


def test_what_was_refused_counts_events_and_requests_of_every_reason():
    hour = LastHour(BOUNDS)
    hour.take(totals(0.0, rejects={"invalid_json": 5.0}))
    hour.take(totals(10.0, rejects={"invalid_json": 15.0, "odd": 10.0}, refusals={"503 disk_full": 30.0}))
    assert hour.trends().rejects[-1] == 5.0


def test_rates_are_those_of_the_last_minute_and_name_what_happened():
    hour = LastHour(BOUNDS)
    for step in range(12):
        hour.take(totals(step * 10.0, events=0.0 if step < 6 else 600.0, rejects={"old": 3.0}))
    rates = hour.rates(totals(115.0, events=660.0, rejects={"old": 3.0, "new": 55.0}))
    assert rates is not None
    assert rates.seconds == 55.0
    assert rates.events == pytest.approx(60 / 55)
    assert rates.rejects == {"new": 1.0}
    assert rates.rejects_since_start == {"old": 3.0, "new": 55.0}


def test_no_rate_is_told_of_no_time():
    hour = LastHour(BOUNDS)
    assert hour.rates(totals(5.0)) is None
    hour.take(totals(5.0))
    assert hour.rates(totals(5.5)) is None
    assert hour.trends().until == 1_790_000_005


def test_the_slowest_commits_are_those_of_their_step():
    hour = LastHour(BOUNDS)
    hour.take(totals(0.0, commit_buckets=[1000.0, 1000.0, 1000.0, 1000.0]))
    hour.take(totals(10.0, commit_buckets=[1000.0, 1000.0, 1100.0, 1100.0]))
    hour.take(totals(20.0, commit_buckets=[1000.0, 1000.0, 1100.0, 1100.0]))
    assert hour.trends().commit_p99_seconds[-2:] == [pytest.approx(0.01 + 0.09 * 0.99), None]


@given(st.lists(st.integers(0, 50), min_size=4, max_size=4), st.floats(0.01, 0.99))
def test_a_quantile_lies_in_the_bucket_in_which_that_share_is_reached(counts, share):
    cumulated = [*accumulate(counts)]
    found = quantile(share, BOUNDS, cumulated)
    if not cumulated[-1]:
        assert found is None
        return
    place = next(place for place, count in enumerate(cumulated) if count >= share * cumulated[-1])
    lower, upper = (0.0, *BOUNDS, BOUNDS[-1])[place], (*BOUNDS, BOUNDS[-1])[place]
    assert found is not None
    assert lower <= found <= upper + 1e-12


def test_totals_are_read_of_the_services_own_metrics():
    telemetry = Telemetry()
    telemetry.accepted.inc(7)
    telemetry.errors.inc(2)
    telemetry.received_bytes.inc(100)
    telemetry.rejected.labels("invalid_json").inc(3)
    telemetry.requests.labels("200", "").inc(9)
    telemetry.requests.labels("503", "disk_full").inc()
    telemetry.commit_seconds.observe(0.002)
    found = totals_of(telemetry, clock=lambda: 5.0, ticks=lambda: 6.0)
    assert (found.at, found.ticks, found.events, found.errors, found.bytes) == (5.0, 6.0, 7, 2, 100)
    assert found.rejects == {"invalid_json": 3}
    assert found.refusals == {"503 disk_full": 1}
    assert (
        dict(
            zip((bound for bound, _ in commits(telemetry.commit_seconds)), found.commit_buckets, strict=True)
        )[0.0025]
        == 1
    )

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logweir_service.event import StoredEvent
from logweir_service.expose.pages.waterfall import Scale
from logweir_service.find import timeline

BEGIN = datetime(2026, 9, 21, tzinfo=UTC)


def event(number: int, *, at: float, took: float | None = None, **members: object) -> StoredEvent:
    told = {
        "timestamp": (BEGIN + timedelta(seconds=at)).isoformat(),
        "event": f"e{number}",
        "service": "shop",
        "level": "info",
        **({} if took is None else {"duration_seconds": took}),
        **members,
    }
    return StoredEvent(number + 1, 0, 0.0, json.dumps(told).encode())


moments = st.floats(0, 100_000, allow_nan=False).map(lambda seconds: round(seconds, 3))
durations = st.none() | st.floats(0, 1000, allow_nan=False).map(lambda seconds: round(seconds, 3))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(moments, durations), max_size=30))
def test_every_bar_stands_within_its_row_and_in_the_order_of_time(events):
    told = timeline([event(number, at=at, took=took) for number, (at, took) in enumerate(events)])
    scale = Scale(told)
    bars = [scale.bar(row) for row in told.rows]
    assert all(0 <= bar.x <= 100 and 0 <= bar.width <= 100.001 - bar.x for bar in bars)
    starts = sorted((row.offset, bar.x) for row, bar in zip(told.rows, bars, strict=True))
    assert all(one[1] <= other[1] + 0.001 for one, other in pairwise(starts))
    assert all(0 <= tick.x <= 100 for tick in scale.ticks())
    assert len(scale.ticks()) <= 9


def test_a_long_gap_is_folded_so_that_what_is_around_it_can_be_seen():
    told = timeline([event(0, at=0.1, took=0.1), event(1, at=600.2, took=0.1), event(2, at=600.3, took=0.1)])
    scale = Scale(told)
    first, second, third = map(scale.bar, told.rows)
    assert first.width == pytest.approx(32, abs=0.5)
    assert second.x - first.width == pytest.approx(4, abs=0.1)
    assert third.x + third.width == pytest.approx(100, abs=0.01)
    assert [tick.seconds for tick in scale.ticks()] == [0, pytest.approx(600.1)]


def test_two_moments_far_apart_stand_far_apart():
    told = timeline([event(0, at=0), event(1, at=600)])
    scale = Scale(told)
    assert [scale.bar(row).x for row in told.rows] == [0, 100]
    assert scale.folds() == []
    assert len(scale.ticks()) > 2


def test_rows_of_a_wrong_clock_are_drawn_where_they_belong():
    call = {"span_id": "a" * 16}
    inner = {"service": "payments", "span_id": "b" * 16, "parent_span_id": "a" * 16, "span_kind": "server"}
    told = timeline([event(0, at=1.0, took=1.0, **call), event(1, at=30.8, took=0.6, **inner)])
    assert "payments" in told.skews
    scale = Scale(told)
    outer, shown = map(scale.bar, told.rows)
    assert outer.x <= shown.x
    assert shown.x + shown.width <= outer.x + outer.width + 0.001
    assert scale.seconds == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("seconds", "steps"),
    [(0.356, [0, 0.1, 0.2, 0.3]), (0.004, [0, 0.001, 0.002, 0.003, 0.004]), (200, [0, 60, 120, 180])],
)
def test_the_axis_has_round_numbers(seconds, steps):
    scale = Scale(timeline([event(0, at=seconds, took=seconds)]))
    assert [tick.seconds for tick in scale.ticks()] == pytest.approx(steps)


def test_a_story_without_length_has_no_axis():
    scale = Scale(timeline([event(0, at=1), event(1, at=1)]))
    assert scale.ticks() == []
    assert {scale.bar(row).x for row in timeline([event(0, at=1)]).rows} == {0}

"""Clocks that jump, and events that come late: what is shown stays sane."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logweir_service.derive import Derivation, DerivationState
from logweir_service.rules import MetricRule, RuleSet, ValueRule

from .events import NOW, RECEIVED, decoded, samples

DAY = 86_400.0
DEPTH = MetricRule(name="depth", type="gauge", help="", events=("x.a",), value=ValueRule(field="n"))
THINGS = MetricRule(name="things_total", type="counter", help="", events=("x.a",))
WAIT = MetricRule(
    name="wait_seconds",
    type="histogram",
    help="",
    events=("x.a",),
    value=ValueRule(field="n"),
    buckets=(1.0,),
)
RULES = RuleSet(metrics=(DEPTH, THINGS, WAIT))
RESTARTED = pytest.mark.parametrize("restarted", [False, True], ids=["running", "restarted"])


def at(seconds: float, depth: float) -> dict[str, Any]:
    return {"n": depth, "timestamp": (NOW + timedelta(seconds=seconds)).isoformat()}


def take(derivation: Derivation, raw: dict[str, Any], received: float) -> None:
    derivation.apply(decoded(RULES, [raw]), RECEIVED + received)


def depth_after(
    first: tuple[dict[str, Any], float], second: tuple[dict[str, Any], float], *, restarted: bool
) -> float:
    """What the gauge shows after two batches, with a restart between them or none."""
    derivation = Derivation(RULES)
    take(derivation, *first)
    if restarted:
        derivation = restart(derivation)
    take(derivation, *second)
    return samples(derivation)["depth{}"]


def restart(derivation: Derivation) -> Derivation:
    again = Derivation(RULES)
    again.restore(msgspec.json.decode(msgspec.json.encode(derivation.dump()), type=DerivationState))
    return again


def beginnings(derivation: Derivation) -> list[float]:
    text = derivation.expose(openmetrics=True).decode()
    return [float(seconds) for seconds in re.findall(r"_created (\S+)", text)]


@pytest.mark.fault(37)
@RESTARTED
@pytest.mark.parametrize(
    ("second", "shown"),
    [(-20.0, 1), (-10.0, 1), (-10.000001, 1), (-9.999999, 2), (-1.0, 2)],
    ids=["older", "as old", "a microsecond older", "a microsecond newer", "newer"],
)
def test_a_gauge_takes_what_is_newer_only(second: float, shown: float, restarted: bool) -> None:
    assert depth_after((at(-10, 1), 0), (at(second, 2), 1), restarted=restarted) == shown


@pytest.mark.fault(37)
@RESTARTED
def test_a_backlog_of_an_outage_does_not_overwrite_a_gauge(restarted: bool) -> None:
    assert depth_after((at(-10, 1), 0), (at(100, 2), 400), restarted=restarted) == 1


@pytest.mark.fault(37)
@RESTARTED
def test_a_sender_whose_clock_ran_ahead_does_not_lock_a_gauge(restarted: bool) -> None:
    assert depth_after((at(DAY, 1), 0), (at(20, 2), 20), restarted=restarted) == 2


@pytest.mark.fault(37)
@RESTARTED
def test_a_service_whose_clock_is_set_back_a_day_does_not_lock_a_gauge(restarted: bool) -> None:
    assert depth_after((at(DAY, 1), DAY), (at(20, 2), 20), restarted=restarted) == 2


@pytest.mark.fault(37)
@RESTARTED
def test_a_clock_set_back_leaves_no_beginning_in_the_future_and_no_counter_lower(restarted: bool) -> None:
    derivation = Derivation(RULES)
    take(derivation, at(DAY, 2), DAY)
    assert beginnings(derivation) == [RECEIVED + DAY] * 2
    if restarted:
        derivation = restart(derivation)
    take(derivation, at(20, 2), 20)
    assert beginnings(derivation) == [RECEIVED + 20] * 2
    assert samples(derivation)["things_total{}"] == samples(derivation)["wait_seconds_count{}"] == 2


def test_a_clock_that_goes_on_leaves_beginnings_as_they_were() -> None:
    derivation = Derivation(RULES)
    for seconds in (0.0, DAY, 400 * DAY):
        take(derivation, at(seconds, 1), seconds)
    assert beginnings(derivation) == [RECEIVED] * 2


@pytest.mark.fault(37)
@settings(deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.floats(-2 * DAY, 2 * DAY), st.floats(-2 * DAY, 2 * DAY), st.booleans()),
        min_size=1,
        max_size=6,
    )
)
def test_no_clock_brings_a_beginning_into_the_future_or_a_counter_down(
    steps: list[tuple[float, float, bool]],
) -> None:
    derivation = Derivation(RULES)
    for number, (received, emitted, restarted) in enumerate(steps, start=1):
        take(derivation, at(emitted, number), received)
        if restarted:
            derivation = restart(derivation)
        assert all(seconds <= RECEIVED + received + 0.001 for seconds in beginnings(derivation))
        shown = samples(derivation)
        assert shown["things_total{}"] == shown["wait_seconds_count{}"] == number
        assert shown.get("depth{}", number) <= number

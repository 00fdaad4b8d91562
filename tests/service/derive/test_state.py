from __future__ import annotations

import gc
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logweir_service.derive import Derivation, DerivationState
from logweir_service.rules import MetricRule, RuleSet, load

from .events import RECEIVED, rules_of, samples
from .events import decoded as decoded_for
from .strategies import batches_of_events, decoded, odd_values, rule_tuples

NO_CAP = 100_000


def saved(derivation: Derivation) -> DerivationState:
    """What a derivation is, once written and read."""
    return msgspec.json.decode(msgspec.json.encode(derivation.dump()), type=DerivationState)


def restored(derivation: Derivation, rules: RuleSet, *, max_series: int = NO_CAP) -> Derivation:
    again = Derivation(rules, max_series=max_series)
    again.restore(saved(derivation))
    return again


def told(derivation: Derivation) -> dict[str, Any]:
    """Everything that a derivation shows, but exemplars."""
    openmetrics = derivation.expose(openmetrics=True).split(b"\n")
    return {
        "text": derivation.expose(openmetrics=False),
        "openmetrics": [line.partition(b" # {")[0] for line in openmetrics],
        "skipped": derivation.skipped,
        "overflowed": derivation.overflowed,
        "series": derivation.series,
    }


def with_init(rule: MetricRule) -> MetricRule:
    """A rule that shows zero series for its last label."""
    return replace(rule, init=((rule.labels[-1].name, ("1", "2")),)) if rule.labels else rule


@settings(max_examples=150, deadline=None)
@given(
    rules=rule_tuples,
    init=st.booleans(),
    batches=batches_of_events,
    later=batches_of_events,
    max_series=st.sampled_from([1, 4, NO_CAP]),
    steps=st.lists(st.sampled_from([0, 1, 1, 400, -90_000]), min_size=6, max_size=6),
)
def test_who_is_restored_goes_on_as_who_was_not_stopped(
    rules: tuple[MetricRule, ...],
    init: bool,
    batches: list[list[dict[str, Any]]],
    later: list[list[dict[str, Any]]],
    max_series: int,
    steps: list[int],
) -> None:
    ruleset = RuleSet(metrics=tuple(map(with_init, rules)) if init else rules)
    original = Derivation(ruleset, max_series=max_series)
    received = RECEIVED
    for batch, step in zip(batches, steps, strict=False):
        received += step
        original.apply(decoded(batch), received)
    again = restored(original, ruleset, max_series=max_series)
    assert told(again) == told(original)
    for batch, step in zip(later, steps[3:], strict=False):
        received += step
        original.apply(decoded(batch), received)
        again.apply(decoded(batch), received)
        assert told(again) == told(original)
    assert told(restored(again, ruleset, max_series=max_series)) == told(original)


PACKS = load(["packs"])
PACK_EVENTS = sorted({event for rule in PACKS.metrics for event in rule.events if "*" not in event})
pack_batches = st.lists(
    st.fixed_dictionaries(
        {"event": st.sampled_from([*PACK_EVENTS, "y"]), "level": st.sampled_from(["info", "error"])},
        optional=dict.fromkeys(
            sorted(PACKS.fields - {"event", "level", "service", "correlation_id"}), odd_values
        ),
    ),
    max_size=12,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(before=pack_batches, after=pack_batches, max_series=st.sampled_from([3, NO_CAP]))
def test_the_packs_go_on_after_a_restart(
    before: list[dict[str, Any]], after: list[dict[str, Any]], max_series: int
) -> None:
    original = Derivation(PACKS, max_series=max_series)
    original.apply(decoded_for(PACKS, before), RECEIVED + 0.123456)
    again = restored(original, PACKS, max_series=max_series)
    assert told(again) == told(original)
    for derivation in (original, again):
        derivation.apply(decoded_for(PACKS, after), RECEIVED + 1)
    assert told(again) == told(original)


SUM = """
metrics:
  - {name: paid_eur_total, type: counter, event: x.a, add: amount}
  - {name: things_total, type: counter, event: x.a, labels: {kind: kind}}
  - {name: wait_seconds, type: histogram, event: x.a, observe: amount, buckets: [1]}
  - {name: depth, type: gauge, event: x.a, set: amount}
"""


def test_numbers_that_json_does_not_hold_come_back_exactly(tmp_path: Path) -> None:
    rules = rules_of(tmp_path, SUM)
    original = Derivation(rules)
    raw: list[dict[str, Any]] = [{"amount": 1.7e292, "kind": "a"}] * 2
    original.apply(decoded_for(rules, [*raw, {"kind": "b"}]), RECEIVED)
    original._metrics[1].series[("a",)].cell[0] = 10**30 + 1
    next(iter(original._metrics[0].series.values())).cell[0] = math.inf  # as an older version counted
    again = restored(original, rules)
    assert told(again) == told(original)
    assert samples(again)["paid_eur_total{}"] == math.inf
    assert f'kind="a"}} {10**30 + 1}\n'.encode() in again.expose(openmetrics=False)


@settings(deadline=None)
@given(amounts=st.lists(st.floats(0, 1e292) | st.integers(0, 2**63), min_size=1))
def test_every_sum_comes_back_to_the_last_bit(amounts: list[float]) -> None:
    rules = RuleSet(metrics=tuple(rule for rule in PACKS.metrics if rule.value is not None))
    field = next(rule.value.field for rule in rules.metrics if rule.value)
    event = next(rule.events[0] for rule in rules.metrics if rule.value and rule.value.field == field)
    original = Derivation(rules)
    original.apply(decoded_for(rules, [{"event": event, field: amount} for amount in amounts]), RECEIVED)
    assert original.series
    assert told(restored(original, rules)) == told(original)


def test_what_is_counted_after_a_dump_is_not_in_it(tmp_path: Path) -> None:
    rules = rules_of(tmp_path, SUM)
    original = Derivation(rules)
    event = {"amount": 1, "kind": "a"}
    original.apply(decoded_for(rules, [event]), RECEIVED)
    state = original.dump()
    before = msgspec.json.encode(state)
    original.apply(
        decoded_for(rules, [event, {**event, "kind": "b"}, {**event, "service": "pay"}]), RECEIVED + 1
    )
    assert msgspec.json.encode(state) == before


def test_a_gauge_that_nothing_has_set_takes_the_first_event_after_a_restart(tmp_path: Path) -> None:
    text = """
metrics:
  - {name: depth, type: gauge, event: x.a, set: depth, across: sum,
     labels: {queue: {from: queue, allow: [mail]}}, init: {queue: [mail]}}
"""
    rules = rules_of(tmp_path, text)
    original = Derivation(rules)
    original.apply(decoded_for(rules, [{"event": "y"}]), RECEIVED)
    assert original.dump().metrics[0].timestamps == [None]
    again = restored(original, rules)
    assert samples(again) == {"depth{queue=mail}": 0}
    again.apply(decoded_for(rules, [{"queue": "mail", "depth": 3}]), RECEIVED + 1)
    assert samples(again) == {"depth{queue=mail}": 3}


def test_a_clock_set_back_again_after_a_restart_stops_nobody_from_counting(tmp_path: Path) -> None:
    text = "\nmetrics:\n  - {name: depth, type: gauge, event: x.a, set: depth, across: sum}\n"
    rules = rules_of(tmp_path, text)
    original = Derivation(rules)
    original.apply(decoded_for(rules, [{"depth": 1}]), RECEIVED)
    original.apply([], RECEIVED - 90_000)
    again = restored(original, rules)
    again.apply([], RECEIVED - 180_000)
    again.apply(decoded_for(rules, [{"depth": 3}]), RECEIVED)
    assert samples(again) == {"depth{}": 3}


def test_a_service_does_not_get_its_budget_anew_by_a_restart(tmp_path: Path) -> None:
    rules = rules_of(tmp_path, SUM.replace("labels: {kind: kind}", "labels: {kind: kind}, max_series: 2"))
    original = Derivation(rules)
    original.apply(decoded_for(rules, [{"kind": "a"}, {"kind": "b"}]), RECEIVED)
    again = restored(original, rules)
    again.apply(decoded_for(rules, [{"kind": "c"}, {"kind": "b"}]), RECEIVED + 1)
    things = {name: value for name, value in samples(again).items() if name.startswith("things")}
    assert things == {"things_total{kind=a}": 1, "things_total{kind=b}": 2, "things_total{kind=__other__}": 1}
    assert again.overflowed == {("things_total", "kind", "shop"): 1}


def test_exemplars_are_not_saved_and_taken_anew(tmp_path: Path) -> None:
    rules = rules_of(tmp_path, SUM)
    original = Derivation(rules)
    event = {"amount": 1, "kind": "a", "correlation_id": "c1"}
    original.apply(decoded_for(rules, [event]), RECEIVED)
    assert b'correlation_id="c1"' in original.expose(openmetrics=True)
    assert b"c1" not in msgspec.json.encode(original.dump())
    again = restored(original, rules)
    again.apply(decoded_for(rules, [{**event, "correlation_id": "c2"}]), RECEIVED)
    assert b'correlation_id="c2"' in again.expose(openmetrics=True)


@pytest.mark.parametrize("collecting", [True, False])
def test_restoring_leaves_the_collector_as_it_was(tmp_path: Path, collecting: bool) -> None:
    rules = rules_of(tmp_path, SUM)
    original = Derivation(rules)
    original.apply(decoded_for(rules, [{"amount": 1, "kind": "a"}]), RECEIVED)
    before = gc.isenabled()
    try:
        (gc.enable if collecting else gc.disable)()
        restored(original, rules)
        assert gc.isenabled() is collecting
    finally:
        (gc.enable if before else gc.disable)()


OTHER_RULES = {
    "other name": SUM.replace("things_total", "parts_total"),
    "other order": SUM.replace("- {name: depth, type: gauge, event: x.a, set: amount}", "").replace(
        "metrics:", "metrics:\n  - {name: depth, type: gauge, event: x.a, set: amount}"
    ),
    "other label": SUM.replace("kind: kind", "sort: kind"),
    "one label more": SUM.replace("kind: kind", "kind: kind, sort: sort"),
    "other buckets": SUM.replace("[1]", "[2]"),
    "other type": SUM.replace(
        "depth, type: gauge, event: x.a, set", "depth_total, type: counter, event: x.a, add"
    ),
    "one metric less": SUM.replace("  - {name: depth, type: gauge, event: x.a, set: amount}\n", ""),
}


@pytest.mark.parametrize("text", OTHER_RULES.values(), ids=OTHER_RULES)
def test_the_state_of_other_rules_is_refused_and_changes_nothing(tmp_path: Path, text: str) -> None:
    rules = rules_of(tmp_path, SUM)
    original = Derivation(rules)
    original.apply(decoded_for(rules, [{"amount": 1, "kind": "a"}]), RECEIVED)
    fresh = Derivation(rules_of(tmp_path, text))
    with pytest.raises(ValueError, match=r"other rules|does not fit"):
        fresh.restore(saved(original))
    assert (fresh.series, fresh.expose(openmetrics=True)) == (0, b"")


@pytest.mark.parametrize("column", ["texts", "created", "values", "timestamps", "counts"])
def test_a_state_that_is_not_whole_is_refused(tmp_path: Path, column: str) -> None:
    rules = rules_of(tmp_path, SUM)
    original = Derivation(rules)
    original.apply(decoded_for(rules, [{"amount": 1, "kind": "a"}]), RECEIVED)
    state = saved(original)
    for each in state.metrics:
        getattr(each, column).clear()
    with pytest.raises(ValueError, match="not whole"):
        Derivation(rules).restore(state)


def test_a_budget_of_other_labels_is_refused(tmp_path: Path) -> None:
    rules = rules_of(tmp_path, SUM)
    original = Derivation(rules)
    original.apply(decoded_for(rules, [{"amount": 1, "kind": "a"}]), RECEIVED)
    state = saved(original)
    state.metrics[1].budgets[0].values.clear()
    with pytest.raises(ValueError, match="a budget of 'things_total'"):
        Derivation(rules).restore(state)


def test_only_a_fresh_derivation_can_be_restored_or_adopt(tmp_path: Path) -> None:
    rules = rules_of(tmp_path, SUM)
    counting = Derivation(rules)
    counting.apply(decoded_for(rules, [{"kind": "a"}]), RECEIVED)
    with pytest.raises(ValueError, match="counted already"):
        counting.restore(Derivation(rules).dump())
    with pytest.raises(ValueError, match="counted already"):
        counting.adopt(Derivation(rules))


def test_nothing_counted_is_a_state_too(tmp_path: Path) -> None:
    rules = rules_of(tmp_path, SUM)
    again = restored(Derivation(rules), rules)
    again.apply(decoded_for(rules, [{"kind": "a"}]), RECEIVED)
    assert samples(again)["things_total{kind=a}"] == 1

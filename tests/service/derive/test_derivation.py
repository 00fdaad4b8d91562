from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logweir_service.derive import Derivation, derivation, entries
from logweir_service.errors import ConfigurationError
from logweir_service.rules import load

from .events import NOW, RECEIVED, decoded, rules_of, samples

COUNT = """
metrics:
  - name: things_total
    type: counter
    event: x.a
    labels: {service: service, kind: kind}
"""


def derived(folder: Path, text: str, *raw: dict[str, Any], received: float = RECEIVED) -> Derivation:
    rules = rules_of(folder, text)
    result = Derivation(rules)
    result.apply(decoded(rules, raw), received)
    return result


def test_values_that_python_holds_equal_are_different_labels(tmp_path: Path) -> None:
    kinds = [1, True, 1.0, "1", "true", 1, True, 1.0, 0, False, None]
    result = derived(tmp_path, COUNT, *({"kind": kind} for kind in kinds))
    assert samples(result) == {
        "things_total{service=shop,kind=1}": 3,
        "things_total{service=shop,kind=true}": 3,
        "things_total{service=shop,kind=1.0}": 2,
        "things_total{service=shop,kind=0}": 1,
        "things_total{service=shop,kind=false}": 1,
        "things_total{service=shop,kind=unknown}": 1,
    }


def test_values_of_one_text_are_one_series(tmp_path: Path) -> None:
    result = derived(
        tmp_path, COUNT, {"kind": 200}, {"kind": "200"}, {"kind": "y" * 200}, {"kind": "y" * 300}
    )
    assert samples(result) == {
        "things_total{service=shop,kind=200}": 2,
        f"things_total{{service=shop,kind={'y' * 200}}}": 2,
    }


def test_a_list_skips_the_event_for_the_rules_that_label_by_it_only(tmp_path: Path) -> None:
    both = COUNT + "  - {name: all_things_total, type: counter, event: x.a}\n"
    result = derived(tmp_path, both, {"kind": ["a"]}, {"kind": {"a": 1}}, {"kind": 10**30}, {"kind": "a"})
    assert samples(result) == {"things_total{service=shop,kind=a}": 1, "all_things_total{}": 4}
    assert result.skipped == {("things_total", "label_type"): 3}


def test_values_that_cannot_be_added_are_counted_with_their_reason(tmp_path: Path) -> None:
    text = "metrics: [{name: paid_eur_total, type: counter, event: x.a, add: amount}]"
    amounts = [1, 2.5, -1, None, True, "3", [1], 1e291, 10**290]
    result = derived(tmp_path, text, *({"amount": amount} for amount in amounts))
    assert samples(result) == {"paid_eur_total{}": 1 + 2.5 + 1e291 + 1e290}
    assert result.skipped == {
        ("paid_eur_total", "negative"): 1,
        ("paid_eur_total", "missing_value"): 1,
        ("paid_eur_total", "value_type"): 3,
    }


def test_no_number_of_large_values_makes_a_sum_infinite(tmp_path: Path) -> None:
    text = "metrics: [{name: paid_eur_total, type: counter, event: x.a, add: amount}]"
    result = derived(tmp_path, text, *({"amount": amount} for amount in (1e308, 1.9e292, 1e308, 2e292)))
    assert samples(result) == {"paid_eur_total{}": 1.9e292}
    assert result.skipped == {("paid_eur_total", "not_finite"): 3}


def test_what_is_not_finite_is_skipped(tmp_path: Path) -> None:
    rules = rules_of(tmp_path, "metrics: [{name: paid_eur_total, type: counter, event: x.a, add: amount}]")
    result = Derivation(rules)
    for amount in (float("inf"), float("nan"), 10**400):
        (event,) = decoded(rules, [{}])
        event.amount = amount  # type: ignore[attr-defined]
        result.apply([event], RECEIVED)
    assert result.skipped == {("paid_eur_total", "not_finite"): 3}
    assert result.series == 0


def test_a_value_is_converted_to_the_unit_in_the_name(tmp_path: Path) -> None:
    text = """
metrics:
  - name: wait_seconds
    type: histogram
    event: x.a
    observe: {from: wait_ms, unit: ms}
    buckets: [0.035, 0.1]
"""
    result = derived(tmp_path, text, {"wait_ms": 35}, {"wait_ms": 36})
    assert samples(result) == {
        "wait_seconds_bucket{le=0.035}": 1,
        "wait_seconds_bucket{le=0.1}": 2,
        "wait_seconds_bucket{le=+Inf}": 2,
        "wait_seconds_sum{}": pytest.approx(0.071),
        "wait_seconds_count{}": 2,
    }


TOKENS = """
metrics:
  - name: used_tokens_total
    type: counter
    event: x.a
    add: {by: kind, from: {input: tokens_in, output: tokens_out}}
    labels: {service: service, model: model}
    init: {model: [small]}
"""


def test_several_fields_of_an_event_are_told_apart_by_a_label(tmp_path: Path) -> None:
    result = derived(
        tmp_path,
        TOKENS,
        {"model": "large", "tokens_in": 3, "tokens_out": 5},
        {"model": "large", "tokens_in": 4},
        {"model": "large", "tokens_out": "many"},
    )
    assert samples(result) == {
        "used_tokens_total{service=shop,model=large,kind=input}": 7,
        "used_tokens_total{service=shop,model=large,kind=output}": 5,
        "used_tokens_total{service=shop,model=small,kind=input}": 0,
        "used_tokens_total{service=shop,model=small,kind=output}": 0,
    }
    assert result.skipped == {("used_tokens_total", "value_type"): 1}


def test_a_gauge_shows_true_and_false_as_1_and_0(tmp_path: Path) -> None:
    text = "metrics: [{name: dependency_up, type: gauge, event: x.a, set: healthy}]"
    result = derived(
        tmp_path, text, *({"healthy": flag, "service_instance_id": str(flag)} for flag in (True, False))
    )
    assert samples(result) == {"dependency_up{instance_id=True}": 1, "dependency_up{instance_id=False}": 0}


GAUGE = "metrics: [{name: depth, type: gauge, event: x.a, set: depth, across: max}]"


def at(seconds: float, depth: float) -> dict[str, Any]:
    return {"depth": depth, "timestamp": (NOW + timedelta(seconds=seconds)).isoformat()}


def test_a_gauge_holds_the_newest_event_not_the_last_to_arrive(tmp_path: Path) -> None:
    result = derived(tmp_path, GAUGE, at(-10, 1), at(-20, 2))
    assert samples(result) == {"depth{}": 1}
    assert result.skipped == {("depth", "late"): 1}


def test_a_gauge_takes_nothing_older_than_five_minutes(tmp_path: Path) -> None:
    result = derived(tmp_path, GAUGE, at(-300, 1))
    assert (samples(result), result.skipped) == ({}, {("depth", "late"): 1})


def test_a_clock_that_runs_ahead_does_not_lock_a_gauge(tmp_path: Path) -> None:
    rules = rules_of(tmp_path, GAUGE)
    result = Derivation(rules)
    result.apply(decoded(rules, [at(3600, 1)]), RECEIVED)
    result.apply(decoded(rules, [at(20, 2)]), RECEIVED + 20)
    assert samples(result) == {"depth{}": 2}


def test_values_beyond_the_budget_and_the_cache_leave_the_series_few_and_the_total_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(derivation, "MAX_ENTRIES", 100)
    rules = rules_of(tmp_path, COUNT)
    result = Derivation(rules)
    for start in range(0, 5000, 1000):
        result.apply(decoded(rules, [{"kind": f"k{start + n}"} for n in range(1000)]), RECEIVED)
    assert result.series == 201
    assert sum(samples(result).values()) == 5000
    assert samples(result)["things_total{service=shop,kind=__other__}"] == 4800
    assert result.overflowed == {("things_total", "kind", "shop"): 4800}


def test_entries_are_emptied_when_they_are_too_many_and_nothing_is_lost(tmp_path: Path) -> None:
    rules = rules_of(tmp_path, COUNT)
    result = Derivation(rules)
    cache = entries.EntryCache(2, lambda: None)
    kept, remember = cache.program(["kind"], 1)
    for kind in ("a", "b", "c"):
        remember((kind,))
    assert list(kept) == [("c",)]
    result.apply(decoded(rules, [{"kind": "a"}, {"kind": "b"}, {"kind": "a"}]), RECEIVED)
    assert samples(result)["things_total{service=shop,kind=a}"] == 2


def test_keys_with_long_text_or_long_numbers_are_not_kept() -> None:
    kept, remember = entries.EntryCache(10, lambda: None).program(["kind"], 1)
    remember(("y" * 201,))
    remember((2**70,))
    assert not kept


def test_one_service_does_not_push_out_another(tmp_path: Path) -> None:
    text = COUNT.replace("event: x.a", "event: x.a\n    max_series: 2")
    loud = [{"service": "loud", "kind": f"k{n}"} for n in range(10)]
    result = derived(
        tmp_path, text, *loud, {"service": "calm", "kind": "a"}, {"service": "calm", "kind": "b"}
    )
    assert samples(result) == {
        "things_total{service=loud,kind=k0}": 1,
        "things_total{service=loud,kind=k1}": 1,
        "things_total{service=loud,kind=__other__}": 8,
        "things_total{service=calm,kind=a}": 1,
        "things_total{service=calm,kind=b}": 1,
    }
    assert result.overflowed == {("things_total", "kind", "loud"): 8}
    assert result.overflow_samples == {("things_total", "kind", "loud"): "k9"}


def test_the_whole_derivation_is_bounded_too(tmp_path: Path) -> None:
    rules = rules_of(tmp_path, COUNT)
    result = Derivation(rules, max_series=3)
    result.apply(decoded(rules, [{"service": f"s{n}", "kind": "a"} for n in range(50)]), RECEIVED)
    assert result.series == 4
    assert samples(result)["things_total{service=__other__,kind=__other__}"] == 47
    assert result.overflowed == {("things_total", "", "__other__"): 47}


def test_made_up_event_names_are_not_remembered_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(derivation, "MAX_NAMES", 5)
    text = 'metrics: [{name: things_total, type: counter, event: "x.*", when: event != "x.7"}]'
    result = derived(tmp_path, text, *({"event": f"x.{n}"} for n in range(20)), {"event": "y"})
    assert samples(result) == {"things_total{}": 19}
    assert max(len(table) for table in result._tables.values()) == 5


def test_events_that_no_rule_can_take_cost_no_call() -> None:
    rules = load(["packs/errors"])
    result = Derivation(rules)
    result.apply(decoded(rules, [{}, {"level": "error"}]), RECEIVED)
    assert result._tables["info"]["x.a"] is None
    assert result._tables["error"]["x.a"] is not None


def test_init_shows_zero_for_a_service_once_it_is_seen_with_any_event(tmp_path: Path) -> None:
    text = """
metrics:
  - name: failures_total
    type: counter
    event: never.seen
    labels: {service: service, environment: environment, code: {from: code, allow: ["500", "503"]}}
    init: {code: ["500", "503"]}
"""
    result = derived(tmp_path, text, {"environment": "prod"}, {}, {"service": "pay"})
    assert samples(result) == {
        "failures_total{service=shop,environment=prod,code=500}": 0,
        "failures_total{service=shop,environment=prod,code=503}": 0,
        "failures_total{service=pay,environment=unknown,code=500}": 0,
        "failures_total{service=pay,environment=unknown,code=503}": 0,
    }


def test_labels_are_mapped_lowered_cut_and_allowed_in_this_order(tmp_path: Path) -> None:
    text = """
maps:
  classes: {"2??": 2xx, "5??": 5xx}
metrics:
  - name: things_total
    type: counter
    event: x.a
    labels:
      class: {from: code, map: classes, other: rest}
      method: {from: method, lower: true, allow: [get, post]}
      short: {from: [first, second], truncate: 2, default: none}
      region: {value: eu}
"""
    result = derived(
        tmp_path,
        text,
        {"code": 204, "method": "GET", "second": "abc"},
        {"code": "404", "method": "BREW", "first": "xyz", "second": "abc"},
        {"method": "Post"},
    )
    assert samples(result) == {
        "things_total{class=2xx,method=get,short=ab,region=eu}": 1,
        "things_total{class=rest,method=other,short=xy,region=eu}": 1,
        "things_total{class=unknown,method=post,short=none,region=eu}": 1,
    }


def test_a_field_that_is_label_and_condition_is_compared_as_it_came(tmp_path: Path) -> None:
    text = COUNT + "    when: kind == True\n"
    result = derived(tmp_path, text, {"kind": True}, {"kind": True}, {"kind": "true"})
    assert samples(result) == {"things_total{service=shop,kind=true}": 2}


def test_a_prefix_stands_before_every_name_and_must_be_one(tmp_path: Path) -> None:
    rules = rules_of(tmp_path, COUNT)
    result = Derivation(rules, metric_prefix="shadow_")
    result.apply(decoded(rules, [{"kind": "a"}]), RECEIVED)
    assert samples(result) == {"shadow_things_total{service=shop,kind=a}": 1}
    with pytest.raises(ConfigurationError, match="LOGWEIR_METRIC_PREFIX: '1-'"):
        Derivation(rules, metric_prefix="1-")


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
PACKS = load(["packs"])
PACK_EVENTS = sorted({event for rule in PACKS.metrics for event in rule.events if "*" not in event})


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    raw=st.lists(
        st.fixed_dictionaries(
            {"event": st.sampled_from([*PACK_EVENTS, "y"]), "level": st.sampled_from(["info", "error"])},
            optional=dict.fromkeys(
                sorted(PACKS.fields - {"event", "level", "service", "correlation_id"}), json_values
            ),
        ),
        max_size=8,
    )
)
def test_no_event_makes_it_raise(raw: list[dict[str, Any]]) -> None:
    result = Derivation(PACKS)
    events = decoded(PACKS, raw)
    result.apply(events, RECEIVED)
    result.apply(events, RECEIVED)
    samples(result)

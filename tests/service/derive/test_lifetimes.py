"""Instances that come and go, series that end, and those that begin at 0."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from logweir_service.derive import Derivation, DerivationState
from logweir_service.rules import RuleSet

from .events import NOW, RECEIVED, decoded, rules_of, samples


def taken(derivation: Derivation, rules: RuleSet, after: float, *raw: dict[str, Any]) -> None:
    """Take events that happen as they are received."""
    stamp = (NOW + timedelta(seconds=after)).isoformat()
    derivation.apply(decoded(rules, [{"timestamp": stamp, **event} for event in raw]), RECEIVED + after)


def restarted(derivation: Derivation, rules: RuleSet) -> Derivation:
    again = Derivation(rules)
    again.restore(msgspec.json.decode(msgspec.json.encode(derivation.dump()), type=DerivationState))
    return again


def lines(derivation: Derivation, after: float) -> list[str]:
    text = derivation.expose(openmetrics=False, now=RECEIVED + after).decode()
    return [line for line in text.splitlines() if not line.startswith("#")]


def pool(size: float, instance: str) -> dict[str, Any]:
    return {"size": size, "service_instance_id": instance}


@pytest.mark.parametrize(("across", "value"), [("sum", 12), ("max", 7), ("min", 5)])
def test_instances_become_one_value_and_leave_it_when_they_fall_silent(
    tmp_path: Path, across: str, value: float
) -> None:
    rules = rules_of(
        tmp_path, f"metrics: [{{name: pool_size, type: gauge, event: x.a, set: size, across: {across}}}]"
    )
    derivation = Derivation(rules)
    taken(derivation, rules, 0, pool(1, "a"), pool(7, "b"))
    taken(derivation, rules, 200, pool(5, "a"))
    for each in (derivation, restarted(derivation, rules)):
        assert lines(each, 200) == [f"pool_size {float(value)}"]
        assert lines(each, 301) == ["pool_size 5.0"]
        assert lines(each, 501) == []
    taken(derivation, rules, 600, {"size": 3})
    assert lines(derivation, 600) == ["pool_size 3.0"]
    assert derivation.dump().metrics[0].further == [{"": [3.0, RECEIVED + 600, RECEIVED + 600]}]


def test_a_gauge_has_a_series_for_each_instance_where_nothing_else_is_said(tmp_path: Path) -> None:
    rules = rules_of(tmp_path, "metrics: [{name: pool_size, type: gauge, event: x.a, set: size}]")
    derivation = Derivation(rules)
    taken(derivation, rules, 0, pool(1, "a"), pool(7, "b"))
    assert samples(derivation) == {"pool_size{instance_id=a}": 1, "pool_size{instance_id=b}": 7}
    assert lines(derivation, 301) == []


TOTAL = """
metrics:
  - {name: sent_bytes_total, type: counter, event: x.a, total: sent, labels: {service: service}}
"""


def sent(total: float, instance: str = "a") -> dict[str, Any]:
    return {"sent": total, "service_instance_id": instance}


def test_a_field_that_counts_up_by_itself_goes_on_when_its_instance_begins_at_0(tmp_path: Path) -> None:
    rules = rules_of(tmp_path, TOTAL)
    derivation = Derivation(rules)
    for after, total in enumerate([100, 100, 150, 20, 30]):
        taken(derivation, rules, after, sent(total))
        derivation = restarted(derivation, rules)
    taken(derivation, rules, 9, sent(5, "b"))
    assert samples(derivation) == {
        "sent_bytes_total{service=shop,instance_id=a}": 180,
        "sent_bytes_total{service=shop,instance_id=b}": 5,
    }


def test_a_late_total_is_no_new_beginning(tmp_path: Path) -> None:
    rules = rules_of(tmp_path, TOTAL)
    derivation = Derivation(rules)
    taken(derivation, rules, 10, sent(100))
    taken(derivation, rules, 11, {**sent(90), "timestamp": NOW.isoformat()})
    assert samples(derivation) == {"sent_bytes_total{service=shop,instance_id=a}": 100}
    assert derivation.skipped == {("sent_bytes_total", "late"): 1}


ERRORS = """
metrics:
  - {name: errors_total, type: counter, event: x.a, once: error_id, labels: {service: service}}
"""


def test_one_error_that_is_reported_three_times_counts_once(tmp_path: Path) -> None:
    rules = rules_of(tmp_path, ERRORS)
    derivation = Derivation(rules)
    taken(derivation, rules, 0, *([{"error_id": "e1"}] * 3), {}, {}, {"error_id": "e1", "service": "pay"})
    derivation = restarted(derivation, rules)
    taken(derivation, rules, 600, {"error_id": "e1"}, {"error_id": "e2"})
    assert samples(derivation) == {"errors_total{service=shop}": 4, "errors_total{service=pay}": 1}
    taken(derivation, rules, 601, {"error_id": "e1"})
    assert samples(derivation)["errors_total{service=shop}"] == 5


def test_what_counts_once_is_remembered_up_to_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("logweir_service.derive.remembered.MAX_OF_A_SERVICE", 100)
    rules = rules_of(tmp_path, ERRORS)
    derivation = Derivation(rules)
    taken(derivation, rules, 0, *({"error_id": n} for n in range(500)))
    state = derivation.dump().metrics[0].once
    assert state is not None
    assert 90 <= len(state) <= 100
    taken(derivation, rules, 700, {})
    assert derivation.dump().metrics[0].once == []


@pytest.mark.parametrize("limit", ["MAX_OF_A_SERVICE", "MAX_OF_ALL"])
def test_a_service_with_many_errors_makes_no_other_count_one_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(f"logweir_service.derive.remembered.{limit}", 1000)
    rules = rules_of(tmp_path, ERRORS)
    derivation = Derivation(rules)
    taken(derivation, rules, 0, *({"error_id": f"e{n}", "service": "pay"} for n in range(3)))
    derivation = restarted(derivation, rules)
    taken(derivation, rules, 1, *({"error_id": n} for n in range(5000)))
    taken(derivation, rules, 2, *({"error_id": f"e{n}", "service": "pay"} for n in range(3)))
    assert samples(derivation) == {"errors_total{service=shop}": 5000, "errors_total{service=pay}": 3}
    state = derivation.dump().metrics[0].once
    assert state is not None
    assert len(state) <= 1003


def test_many_services_make_no_memory_grow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logweir_service.derive.remembered.MAX_OF_ALL", 200)
    rules = rules_of(tmp_path, ERRORS)
    derivation = Derivation(rules)
    taken(derivation, rules, 0, *({"error_id": "e", "service": f"s{n}"} for n in range(1000)))
    state = derivation.dump().metrics[0].once
    assert state is not None
    assert len(state) <= 200


def test_long_ids_are_told_apart_and_not_kept(tmp_path: Path) -> None:
    rules = rules_of(tmp_path, ERRORS)
    derivation = Derivation(rules)
    long = "x" * 100_000
    taken(derivation, rules, 0, *({"error_id": f"{long}{n}"} for n in (1, 2, 1)))
    assert samples(derivation) == {"errors_total{service=shop}": 2}
    assert len(str(derivation.dump())) < 10_000


EXPIRE = """
metrics:
  - {name: calls_total, type: counter, event: x.a, expire: 1h, labels: {service: service, tenant: tenant},
     max_series: 2}
  - {name: wait_seconds, type: histogram, event: x.a, observe: n, buckets: [1], expire: 1h,
     labels: {tenant: tenant}}
"""


def test_a_series_ends_after_its_time_and_gives_its_room_to_another(tmp_path: Path) -> None:
    rules = rules_of(tmp_path, EXPIRE)
    derivation = Derivation(rules)
    for tenant in ("a", "b"):
        taken(derivation, rules, 0, {"tenant": tenant, "n": 1})
    taken(derivation, rules, 3000, {"tenant": "b", "n": 1})
    for each in (derivation, restarted(derivation, rules)):
        assert lines(each, 3600)[:2] == [
            'calls_total{service="shop",tenant="a"} 1',
            'calls_total{service="shop",tenant="b"} 2',
        ]
        assert lines(each, 3601)[0] == 'calls_total{service="shop",tenant="b"} 2'
        taken(each, rules, 3700, {"tenant": "c", "n": 1}, {"tenant": "a", "n": 1})
        assert [line for line in lines(each, 3700) if line.startswith("calls")] == [
            'calls_total{service="shop",tenant="__other__"} 1',
            'calls_total{service="shop",tenant="b"} 2',
            'calls_total{service="shop",tenant="c"} 1',
        ]
        assert 'wait_seconds_count{tenant="a"} 1' in lines(each, 3700)
        assert each.series == 6


def test_a_series_that_ended_begins_again_with_a_new_beginning(tmp_path: Path) -> None:
    rules = rules_of(tmp_path, EXPIRE)
    derivation = Derivation(rules)
    taken(derivation, rules, 0, *([{"tenant": "a", "n": 1}] * 3))
    taken(derivation, rules, 4000, {"tenant": "a", "n": 1})
    assert 'calls_total{service="shop",tenant="a"} 1' in lines(derivation, 4000)
    assert f"{RECEIVED + 4000:.3f}" in derivation.expose(openmetrics=True).decode()


BIRTH = """
metrics:
  - {name: calls_total, type: counter, event: x.a, birth: zero}
  - {name: wait_seconds, type: histogram, event: x.a, observe: n, buckets: [1], birth: zero}
"""


@pytest.mark.parametrize("openmetrics", [True, False])
def test_a_series_shows_0_for_its_first_minute_where_its_rule_says_so(
    tmp_path: Path, openmetrics: bool
) -> None:
    rules = rules_of(tmp_path, BIRTH)
    derivation = Derivation(rules)
    taken(derivation, rules, 0, {"n": 0.5, "correlation_id": "c1"})
    young = derivation.expose(openmetrics=openmetrics, now=RECEIVED + 59).decode()
    assert "calls_total 0\n" in young
    assert 'wait_seconds_bucket{le="1.0"} 0\n' in young
    assert "wait_seconds_sum 0.0\nwait_seconds_count 0\n" in young
    assert "c1" not in young
    grown = derivation.expose(openmetrics=openmetrics, now=RECEIVED + 60).decode()
    assert "calls_total 1" in grown
    assert "wait_seconds_sum 0.5\nwait_seconds_count 1\n" in grown

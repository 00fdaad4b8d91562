"""How many different values there were."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from logweir_service.derive import Derivation, DerivationState
from logweir_service.rules import RuleSet

from .events import RECEIVED, decoded, rules_of

USERS = """
metrics:
  - name: active_users
    type: distinct
    event: "*"
    of: user_id
    windows: [1h, 1d, 7d]
    labels: {service: service}
"""
HOUR, DAY = 3600.0, 86_400.0


@pytest.fixture
def rules(tmp_path: Path) -> RuleSet:
    return rules_of(tmp_path, USERS)


def users(*names: object) -> list[dict[str, Any]]:
    return [{"user_id": name} for name in names]


def shown(derivation: Derivation, now: float, service: str = "shop") -> dict[str, float]:
    text = derivation.expose(openmetrics=False, now=now).decode()
    return {
        sample.labels["window"]: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.labels["service"] == service
    }


def test_each_value_is_counted_once_and_leaves_each_window_in_its_time(rules: RuleSet) -> None:
    derivation = Derivation(rules)
    derivation.apply(decoded(rules, users("a", "b", "a", 7, "7")), RECEIVED)
    assert shown(derivation, RECEIVED) == {"1h": 3, "1d": 3, "7d": 3}
    derivation.apply(decoded(rules, users("a", "c")), RECEIVED + 2 * HOUR)
    assert shown(derivation, RECEIVED + 2 * HOUR) == {"1h": 2, "1d": 4, "7d": 4}
    assert shown(derivation, RECEIVED + 2 * DAY) == {"1h": 0, "1d": 0, "7d": 4}


def test_a_look_changes_nothing(rules: RuleSet) -> None:
    derivation = Derivation(rules)
    derivation.apply(decoded(rules, users("a")), RECEIVED)
    before = shown(derivation, RECEIVED)
    shown(derivation, RECEIVED + 30 * DAY)
    assert shown(derivation, RECEIVED) == before


def test_a_value_that_was_seen_in_the_last_bucket_counts_in_the_next(rules: RuleSet) -> None:
    derivation = Derivation(rules)
    for minutes in range(0, 120, 5):
        derivation.apply(decoded(rules, users("a")), RECEIVED + minutes * 60)
    assert shown(derivation, RECEIVED + 119 * 60)["1h"] == 1


def test_events_without_the_field_are_none_of_the_rules_and_odd_ones_are_skipped(rules: RuleSet) -> None:
    derivation = Derivation(rules)
    derivation.apply(decoded(rules, [{}, *users(None, 1.5, ["a"], True)]), RECEIVED)
    assert derivation.skipped == {("active_users", "value_type"): 3}
    assert derivation.series == 0


def test_a_hundred_thousand_are_told_to_within_a_few_percent_in_little_memory(rules: RuleSet) -> None:
    derivation = Derivation(rules)
    many = 100_000
    for begin in range(0, many, 10_000):
        derivation.apply(decoded(rules, users(*range(begin, begin + 10_000))), RECEIVED)
    assert all(0.95 * many < value < 1.05 * many for value in shown(derivation, RECEIVED).values())
    assert len(msgspec.json.encode(derivation.dump())) < 20_000


def test_what_was_seen_while_the_clock_was_ahead_leaves_the_windows_too(rules: RuleSet) -> None:
    derivation = Derivation(rules)
    derivation.apply(decoded(rules, users("a", "b")), RECEIVED + 300 * DAY)
    derivation.apply(decoded(rules, users("c")), RECEIVED)
    assert shown(derivation, RECEIVED) == {"1h": 3, "1d": 3, "7d": 3}
    derivation.apply(decoded(rules, users("c")), RECEIVED + 2 * DAY)
    assert shown(derivation, RECEIVED + 2 * DAY) == {"1h": 1, "1d": 1, "7d": 3}


def test_services_are_told_apart_and_a_restart_forgets_nothing(rules: RuleSet) -> None:
    derivation = Derivation(rules)
    events = [*users("a", "b"), {"user_id": "a", "service": "pay"}]
    derivation.apply(decoded(rules, events), RECEIVED)
    state = msgspec.json.decode(msgspec.json.encode(derivation.dump()), type=DerivationState)
    again = Derivation(rules)
    again.restore(state)
    for each in (derivation, again):
        each.apply(decoded(rules, users("b", "c")), RECEIVED + 400)
        assert shown(each, RECEIVED + 400) == {"1h": 3, "1d": 3, "7d": 3}
        assert shown(each, RECEIVED + 400, "pay") == {"1h": 1, "1d": 1, "7d": 1}
        assert shown(each, RECEIVED + HOUR + 200)["1h"] == 2


def test_no_value_stands_in_what_is_saved(rules: RuleSet) -> None:
    derivation = Derivation(rules)
    derivation.apply(decoded(rules, users("somebody@example.org")), RECEIVED)
    assert b"somebody" not in msgspec.json.encode(derivation.dump())

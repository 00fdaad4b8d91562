from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from logweir_service.derive import Derivation
from logweir_service.rules import RuleSet

from .events import RECEIVED, decoded, rules_of, samples

RULES = """
metrics:
  - name: things_total
    type: counter
    event: "x.*"
    when: level == "info"
    labels: {service: service, kind: kind}
  - {name: paid_eur_total, type: counter, event: x.a, add: amount}
  - {name: wait_seconds, type: histogram, event: x.a, observe: amount, buckets: [1]}
  - {name: depth, type: gauge, event: x.a, set: amount}
"""
EVENT: dict[str, Any] = {"kind": "a", "amount": 2, "correlation_id": "c1"}


def counted(rules: RuleSet) -> Derivation:
    result = Derivation(rules)
    result.apply(decoded(rules, [EVENT, {"kind": "b"}]), RECEIVED)
    return result


def adopted(before: Derivation, rules: RuleSet) -> Derivation:
    result = Derivation(rules)
    result.adopt(before)
    return result


def test_rules_that_did_not_change_keep_their_numbers_and_beginnings(tmp_path: Path) -> None:
    before = counted(rules_of(tmp_path, RULES))
    changed = RULES.replace("buckets: [1]", "buckets: [1, 5]").replace(
        "metrics:", "metrics:\n  - {name: new_total, type: counter, event: x.a}"
    )
    rules = rules_of(tmp_path, changed)
    after = adopted(before, rules)
    kept = {name: value for name, value in samples(before).items() if not name.startswith("wait_")}
    assert samples(after) == kept
    assert after.series == len(kept) == 4
    after.apply(decoded(rules, [EVENT]), RECEIVED + 60)
    assert samples(after)["things_total{service=shop,kind=a}"] == 2
    assert samples(after)["wait_seconds_count{}"] == 1
    openmetrics = after.expose(openmetrics=True).decode()
    assert f"paid_eur_created {RECEIVED:.3f}\n" in openmetrics
    assert f"wait_seconds_created {RECEIVED + 60:.3f}\n" in openmetrics


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("kind: kind}", "kind: kind}\n    help: Other words."),
        ("kind: kind}", "kind: kind}\n    max_series: 1"),
        ("kind: kind}", "kind: kind}\n    max_label_values: 1"),
        ("kind: kind}", "kind: kind}\n    exemplar: none"),
        ("kind: kind}", "kind: kind}\n    init: {kind: [z]}"),
        ("kind: kind}", "kind: kind}\n    expire: 1h"),
        ("kind: kind}", "kind: kind}\n    birth: zero"),
    ],
)
def test_a_rule_that_means_the_same_keeps_its_numbers(tmp_path: Path, old: str, new: str) -> None:
    before = counted(rules_of(tmp_path, RULES))
    after = adopted(before, rules_of(tmp_path, RULES.replace(old, new)))
    assert samples(after) == samples(before)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"x.*"', "x.a"),
        ('level == "info"', 'level != "error"'),
        ("kind: kind}", "kind: {from: kind, lower: true}}"),
        ("kind: kind}", "sort: kind}"),
        ("kind: kind}", "kind: kind}\n    add: amount"),
    ],
)
def test_a_rule_that_means_something_else_begins_anew(tmp_path: Path, old: str, new: str) -> None:
    before = counted(rules_of(tmp_path, RULES))
    after = adopted(before, rules_of(tmp_path, RULES.replace(old, new)))
    assert not any(name.startswith("things_total") for name in samples(after))
    assert samples(after)["paid_eur_total{}"] == 2


def test_the_one_who_was_adopted_from_is_left_alone(tmp_path: Path) -> None:
    rules = rules_of(tmp_path, RULES)
    before = counted(rules)
    shown = before.expose(openmetrics=True)
    adopted(before, rules).apply(decoded(rules, [EVENT, {"kind": "z"}]), RECEIVED + 1)
    assert before.expose(openmetrics=True) == shown


def test_numbers_go_on_under_another_prefix(tmp_path: Path) -> None:
    rules = rules_of(tmp_path, RULES)
    after = Derivation(rules, metric_prefix="shadow_")
    after.adopt(counted(rules))
    assert samples(after)["shadow_paid_eur_total{}"] == 2


def test_budgets_are_kept_and_obey_the_new_limits(tmp_path: Path) -> None:
    before = counted(rules_of(tmp_path, RULES))
    rules = rules_of(tmp_path, RULES.replace("kind: kind}", "kind: kind}\n    max_series: 3"))
    after = adopted(before, rules)
    after.apply(decoded(rules, [{"kind": "c"}, {"kind": "d"}]), RECEIVED + 1)
    assert after.overflowed == {("things_total", "kind", "shop"): 1}
    assert samples(after)["things_total{service=shop,kind=__other__}"] == 1


def test_the_cap_of_all_series_counts_what_was_adopted(tmp_path: Path) -> None:
    rules = rules_of(tmp_path, RULES)
    before = counted(rules)
    after = Derivation(rules, max_series=before.series)
    after.adopt(before)
    after.apply(decoded(rules, [{"kind": "z"}]), RECEIVED + 1)
    assert samples(after)["things_total{service=__other__,kind=__other__}"] == 1


def test_what_was_skipped_stays_counted_for_names_that_still_exist(tmp_path: Path) -> None:
    limited = RULES.replace("kind: kind}", "kind: kind}\n    max_label_values: 1")
    before = counted(rules_of(tmp_path, limited))
    assert before.skipped[("paid_eur_total", "missing_value")] == 1
    assert before.overflowed == {("things_total", "kind", "shop"): 1}
    kept = adopted(before, rules_of(tmp_path, limited.replace("buckets: [1]", "buckets: [2]")))
    assert (kept.skipped, kept.overflowed) == (before.skipped, before.overflowed)
    gone = limited.replace("paid_eur", "earned_eur").replace("things", "parts")
    left = adopted(before, rules_of(tmp_path, gone))
    assert {rule for rule, _ in left.skipped} == {"wait_seconds", "depth"}
    assert left.overflowed == {}


INIT = """
metrics:
  - {name: a_total, type: counter, event: y, labels: {environment: environment, kind: kind},
     init: {kind: [z]}}
"""
MORE = INIT + "  - {name: b_total, type: counter, event: y, labels: {kind: kind}, init: {kind: [z]}}\n"


def test_new_zero_series_are_shown_for_services_seen_before_and_old_ones_once(tmp_path: Path) -> None:
    before = counted(rules_of(tmp_path, INIT))
    rules = rules_of(tmp_path, MORE)
    after = adopted(before, rules)
    after.apply(decoded(rules, [{"environment": "prod"}]), RECEIVED + 1)
    assert samples(after) == {"a_total{environment=unknown,kind=z}": 0, "b_total{kind=z}": 0}


def test_zero_series_that_a_rule_shows_newly_are_shown(tmp_path: Path) -> None:
    before = counted(rules_of(tmp_path, INIT))
    rules = rules_of(tmp_path, INIT.replace("[z]", "[z, zz]"))
    after = adopted(before, rules)
    after.apply(decoded(rules, [{}]), RECEIVED + 1)
    assert samples(after) == {
        "a_total{environment=unknown,kind=z}": 0,
        "a_total{environment=unknown,kind=zz}": 0,
    }


def test_a_rule_that_lets_series_expire_from_now_on_gives_those_there_are_their_time(tmp_path: Path) -> None:
    before = counted(rules_of(tmp_path, RULES))
    before.apply([], RECEIVED + 3600)
    rules = rules_of(
        tmp_path, RULES.replace("kind: kind}", "kind: kind}\n    expire: 10m\n    max_series: 2")
    )
    after = adopted(before, rules)
    assert samples(after)["things_total{service=shop,kind=a}"] == 1
    after.apply(decoded(rules, [{"kind": "b"}]), RECEIVED + 4000)
    after.apply(decoded(rules, [{"kind": "c"}]), RECEIVED + 4300)
    shown = {name: value for name, value in samples(after).items() if name.startswith("things")}
    assert shown == {"things_total{service=shop,kind=b}": 2, "things_total{service=shop,kind=c}": 1}

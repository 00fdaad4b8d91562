from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from logweir_service.derive import Explanation, explain

from .events import RECEIVED, rules_of
from .events import decoded as decoded_for
from .reference import Reference
from .strategies import NOW, decoded, events, metric_rules, odd_values


@settings(max_examples=400, deadline=None)
@given(rule=metric_rules(name="m"), raw=events(odd_values))
def test_explanation_agrees_with_the_plain_interpreter(rule, raw):
    if rule.parts:  # the budget of one would be spent by the other
        rule = replace(rule, max_series=2000, max_label_values=200)
    (event,) = decoded([raw])
    found = [*explain([rule], event, received=NOW.timestamp())]
    reference = Reference(rule)
    reference.begin(NOW.timestamp())
    reference.take(event, NOW.timestamp())
    samples = reference.samples(NOW.timestamp())
    taken = [each for each in found if each.taken]
    assert bool(taken) == bool(samples)
    for (_, labels), value in samples.items():
        plain = {name: text for name, text in labels if name not in ("le", "window")}
        (same,) = [each for each in taken if each.labels == plain]
        if rule.type in ("counter", "gauge") and rule.distinct is None:
            assert value == same.value
    reasons = set(reference.skipped)
    assert reasons <= {each.reason for each in found}
    assert all(each.taken or reasons or each.reason in ("event", "when", "missing_value") for each in found)


RULES = """
defaults: {labels: {service: service, kind: kind}}
metrics:
  - {name: count_total, type: counter, event: x.a, when: "total > 5 and plan == 'gold'"}
  - {name: total_eur_total, type: counter, event: "x.*", add: total}
  - {name: wait_seconds, type: histogram, event: x.a, observe: {from: wait_ms, unit: ms}, buckets: [1]}
  - {name: busy, type: gauge, pair: {start: x.a, end: x.b, key: job}}
  - {name: users, type: distinct, event: "*", of: user_id}
  - {name: gold_busy, type: gauge, when: plan == 'gold', pair: {start: x.a, end: x.b, key: job}}
  - {name: gold_total, type: counter, event: x.a, when: plan == 'gold', init: {kind: [a]}}
  - {name: gold_users, type: distinct, event: x.a, of: user_id, when: "total * 2 > 3 or event == 'x.a'"}
  - {name: sent_bytes_total, type: counter, event: x.a, total: sent}
"""


def explained(tmp_path: Path, raw: dict[str, Any]) -> dict[str, Explanation]:
    rules = rules_of(tmp_path, RULES)
    (event,) = decoded_for(rules, [raw])
    return {each.rule: each for each in explain(rules.metrics, event, received=RECEIVED)}


@pytest.mark.parametrize(
    ("raw", "rule", "why", "value"),
    [
        ({"total": 6, "plan": "gold"}, "count_total", "adds 1", 1),
        ({"total": 6.5}, "total_eur_total", "adds 6.5", 6.5),
        ({"total": 2**64 - 1}, "total_eur_total", "adds 1.84467e+19", 2.0**64),
        ({"wait_ms": 250}, "wait_seconds", "observes 0.25", 0.25),
        ({"job": "j1"}, "busy", "starts job j1: +1 until it ends", 1),
        ({"event": "x.b", "job": "j1"}, "busy", "ends what job j1 has started", -1),
        ({"user_id": "u1"}, "users", "tells user_id u1 apart", None),
        ({"sent": 70}, "sent_bytes_total", "grows by what is new in 70, the total of its instance", 70),
    ],
)
def test_rule_that_takes_an_event_says_with_what_value(tmp_path, raw, rule, why, value):
    found = explained(tmp_path, {"kind": "k", **raw})[rule]
    assert (found.taken, found.why, found.value, found.reason) == (True, why, value, "")
    if value != -1:
        assert found.labels.items() >= {"service": "shop", "kind": "k"}.items()


@pytest.mark.parametrize(
    ("raw", "rule", "reason", "fields"),
    [
        ({"event": "y"}, "count_total", "event", {}),
        ({"total": 6}, "count_total", "when", {"plan": None, "total": 6}),
        ({"total": "6"}, "count_total", "expression", {"plan": None, "total": "6"}),
        ({}, "total_eur_total", "missing_value", {"total": None}),
        ({"total": True}, "total_eur_total", "value_type", {"total": True}),
        ({"total": -1}, "total_eur_total", "negative", {"total": -1}),
        (
            {"total": 1, "kind": [1]},
            "total_eur_total",
            "label_type",
            {"kind": [1], "service": "shop"},
        ),
        ({}, "busy", "missing_value", {"job": None}),
        ({}, "users", "missing_value", {"user_id": None}),
        ({"event": "x.b", "job": "j1"}, "gold_busy", "when", {"plan": None}),
        ({}, "gold_total", "when", {"plan": None}),
        ({}, "gold_users", "missing_value", {"user_id": None}),
        ({"user_id": 1.5}, "users", "value_type", {"user_id": 1.5}),
    ],
)
def test_rule_that_does_not_says_why_and_what_it_looked_at(tmp_path, raw, rule, reason, fields):
    found = explained(tmp_path, raw)[rule]
    assert (found.taken, found.reason, found.fields) == (False, reason, fields)


def test_each_field_that_a_label_tells_apart_is_explained(tmp_path):
    rules = rules_of(
        tmp_path,
        "metrics: [{name: a_total, type: counter, event: x.a, add: {by: of, from: {in: took, out: gave}}}]",
    )
    (event,) = decoded_for(rules, [{"took": 7}])
    took, gave = explain(rules.metrics, event, received=RECEIVED)
    assert (took.why, took.labels) == ("adds 7", {"of": "in"})
    assert (gave.taken, gave.reason, gave.fields) == (False, "missing_value", {"gave": None})

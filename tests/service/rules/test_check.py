"""``logweir check``: what it refuses, and what it tells of rules that it lets pass."""

from __future__ import annotations

import json

import pytest

from tests.service.test_cli import run

RULES = """version: 1
metrics:
  - {name: orders_total, type: counter, event: a.b, labels: {kind: kind, level: level, region: {value: eu}}}
  - {name: wait_seconds, type: histogram, event: a.b, observe: wait, buckets: [1, 5]}
  - {name: b_total, type: counter, event: a.b, labels: {one: one, two: two}, max_series: 300}
promote: [{name: errors}]
store: [{event: a.b}]
"""


@pytest.fixture
def rules(tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    return path


def test_worst_case_is_told_for_people_largest_first(capsys, rules):
    code, out, err = run(capsys, "check", rules)
    assert (code, err) == (0, "")
    assert [" ".join(line.split()) for line in out.splitlines()] == [
        "well-formed: 3 metrics, 1 rule for promotion",
        "at most, for each service:",
        "series samples metric",
        "1,000 1,000 orders_total kind 200* x level 5",
        "300 300 b_total one 200* x two 200*, cut at max_series",
        "1 5 wait_seconds",
        "1,301 1,305 together",
        "* bounded by max_label_values alone",
    ]


def test_worst_case_is_told_for_programs(capsys, rules):
    code, out, err = run(capsys, "check", "--json", rules)
    told = json.loads(out)
    assert (code, err, len(out.splitlines())) == (0, "", 1)
    assert told["problems"] == []
    assert told["total"] == {"series": 1301, "samples": 1305}
    assert (told["promote"], told["not_applied"]) == (["errors"], [])
    assert told["metrics"][0] == {
        "name": "orders_total",
        "type": "counter",
        "series": 1000,
        "samples": 1000,
        "combinations": 1000,
        "labels": {"kind": 200, "level": 5, "region": 1},
        "unbounded": ["kind"],
    }


def test_problems_are_told_for_programs_too(capsys, rules):
    rules.write_text(RULES.replace("event: a.b, labels", "evnt: a.b, labels", 1))
    code, out, err = run(capsys, "check", "--json", rules)
    assert (code, err) == (1, "")
    first, second = json.loads(out)["problems"]
    assert first == f"{rules}:3: unknown key 'evnt' in a metric (did you mean 'event'?)"
    assert second.startswith(f"{rules}:3: 'event' is missing")


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("labels: {a: user_id}", "needs 'allow' or 'map'"),
        ("labels: {a: correlation_id}", "needs 'allow' or 'map'"),
        ("labels: {a: customer_email}", "needs 'allow' or 'map'"),
        ("labels: {a: url_full}", "needs 'allow' or 'map'"),
        ("labels: {a: [plan, user_id]}", "needs a field name"),
        ("labels: {a: {from: [plan, user_id]}}", "needs 'allow' or 'map'"),
        ("labels: {job: kind}", "is kept by Prometheus"),
        ("labels: {instance: kind}", "is kept by Prometheus"),
        ("labels: {le: kind}", "is kept by Prometheus"),
        ("labels: {quantile: kind}", "is kept by Prometheus"),
        ("labels: {__a: kind}", "is kept by Prometheus"),
        ("name: logweir_a_total", "the service's own"),
        ("name: orders", "must end in _total"),
        ("name: ordersPlaced_total", "snake_case"),
        ("name: orders_milliseconds_total", "base unit"),
        ("name: orders_ms_total", "abbreviate"),
        ("name: orders_minutes_total", "base unit seconds"),
        ("name: orders_counter_total", "must not name its type"),
        ("name: orders_bucket_total", "must not end in"),
        ("name: a-b_total", "is not a metric name"),
        ("name: wait, type: histogram, observe: a, buckets: [1]", "must end in its unit"),
        ("name: orders_total, type: gauge, set: a", "must not end in _total"),
    ],
)
def test_what_would_hurt_prometheus_or_its_users_is_refused_with_its_line(capsys, rules, given, why):
    known = {"name": "a_total", "type": "counter", "event": "a.b"}
    rest = ", ".join(f"{key}: {value}" for key, value in known.items() if f"{key}: " not in given)
    rules.write_text(f"version: 1\nmetrics:\n  - {{{rest}, {given}}}\n")
    code, _, err = run(capsys, "check", rules)
    assert code == 1
    assert err.startswith(f"{rules}:3: ")
    assert why in err


@pytest.mark.parametrize(
    "labels",
    [
        "{a: service_instance_id}",
        "{a: {from: user_id, allow: [u1]}}",
        "{a: {from: url_path, map: {'/a*': a}}}",
    ],
)
def test_what_is_bounded_passes(capsys, rules, labels):
    rules.write_text(
        f"version: 1\nmetrics:\n  - {{name: a_total, type: counter, event: a.b, labels: {labels}}}\n"
    )
    assert run(capsys, "check", rules)[0] == 0

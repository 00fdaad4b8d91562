"""``logweir explain``."""

from __future__ import annotations

import io
import json
import sys

import pytest

from .test_cli import run

EVENT = {"event": "order.placed", "service": "shop", "level": "error", "total": 20.5}
RULES = """version: 1
metrics:
  - {name: orders_total, type: counter, event: order.placed, labels: {channel: channel}}
  - {name: large_orders_total, type: counter, event: order.placed, when: total > 100}
  - {name: queue, type: gauge, event: order.queue, set: depth}
promote: [{name: errors}]
"""


@pytest.fixture
def rules(tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    return path


@pytest.fixture
def event(tmp_path):
    path = tmp_path / "event.json"
    path.write_text(json.dumps(EVENT, indent=1))
    return path


def test_people_read_what_was_taken_first_and_then_why_the_others_were_not(capsys, rules, event):
    code, out, err = run(capsys, "explain", event, "--rules", rules)
    assert (code, err) == (0, "")
    assert [" ".join(line.split()) for line in out.splitlines()] == [
        "order.placed (error) of shop: 1 of 3 metrics",
        '+ orders_total adds 1 {channel="unknown"}',
        "- large_orders_total `total > 100` is false (total is 20.5)",
        '+ errors promoted: `level in ("error", "critical")` is true',
        "1 metric takes other events",
    ]


def test_programs_read_every_rule(capsys, rules, event):
    code, out, _ = run(capsys, "explain", event, "--rules", rules, "--json")
    told = json.loads(out)
    assert (code, len(out.splitlines())) == (0, 1)
    assert {each["rule"]: each["taken"] for each in told["metrics"]} == {
        "orders_total": True,
        "large_orders_total": False,
        "queue": False,
    }
    assert told["metrics"][1]["fields"] == {"total": 20.5}
    assert told["promote"][0]["taken"]


def test_event_may_come_from_stdin_as_it_is_stored(capsys, rules, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(EVENT).encode() + b"\n")))
    assert run(capsys, "explain", "-", "--rules", rules)[0] == 0


def test_event_on_many_lines_is_the_one_that_was_written(capsys, rules, event):
    event.write_text(
        json.dumps(EVENT | {"level": "info", "x": "\\n"}, indent=1).replace('"x"', '"y": 1e999, "x"')
    )
    code, out, err = run(capsys, "explain", event, "--rules", rules)
    assert (code, err) == (0, "")
    assert f"{EVENT['event']} (info)" in out


def test_event_that_nothing_takes_exits_1(capsys, rules, event):
    event.write_text(json.dumps(EVENT | {"event": "a.b", "level": "info"}))
    code, out, _ = run(capsys, "explain", event, "--rules", rules)
    assert code == 1
    assert "0 of 3 metrics" in out


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"event": "a.b", "level": "info"}', "the service refuses it: missing_field (service)"),
        ("{", "the service refuses it"),
        ("", "0 events are given; give one"),
        (f"{json.dumps(EVENT)}\n{json.dumps(EVENT)}", "2 events are given; give one"),
        (json.dumps(EVENT)[:-1] + ',\n"x": ' + "[" * 5000 + "]" * 5000 + "}", "the service refuses it"),
    ],
)
def test_what_is_no_event_is_told_and_exits_1(capsys, rules, event, text, why):
    event.write_text(text)
    code, out, err = run(capsys, "explain", event, "--rules", rules)
    assert (code, out) == (1, "")
    assert why in err


def test_time_of_the_event_is_when_it_was_received(capsys, rules, event):
    event.write_text(
        json.dumps(EVENT | {"event": "order.queue", "timestamp": "2020-01-01T00:00:00Z", "depth": 4})
    )
    out = run(capsys, "explain", event, "--rules", rules)[1]
    assert "sets 4" in out

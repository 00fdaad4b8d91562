from __future__ import annotations

import json

from .written import case, event, failures, outcomes, scrape, write

A1 = 'a_total{service="shop",kind="unknown"} 1'
A2 = 'a_total{service="shop",kind="unknown"} 2'


def test_a_test_that_holds_has_no_failures(tmp_path):
    assert failures(tmp_path, f"[{event()}]", f"[{scrape('0s', A1)}]") == []


def test_every_series_of_a_metric_that_is_named_must_be_named(tmp_path):
    assert failures(tmp_path, f"[{event()}, {event(more='kind: y')}]", f"[{scrape('0s', A1)}]") == [
        ("metrics at 0s", ['+ a_total{kind="y",service="shop"} 1'])
    ]


def test_a_series_that_is_missing_or_has_another_value_is_told(tmp_path):
    elsewhere = 'a_total{service="other",kind="x"} 1'
    assert failures(tmp_path, f"[{event()}]", f"[{scrape('1m', elsewhere, A2)}]") == [
        (
            "metrics at 1m",
            [
                '- a_total{kind="unknown",service="shop"} 2',
                '+ a_total{kind="unknown",service="shop"} 1',
                '- a_total{kind="x",service="other"} 1',
            ],
        )
    ]


def test_zero_series_of_init_are_no_surplus_and_may_be_named(tmp_path):
    inputs = f"[{event(name='b', more='kind: y')}]"
    y, x = (f'b_total{{service="shop",kind="{kind}"}} {count}' for kind, count in (("y", 1), ("x", 0)))
    assert failures(tmp_path, inputs, f"[{scrape('0s', y)}]") == []
    assert failures(tmp_path, inputs, f"[{scrape('0s', x, y)}]") == []
    assert failures(tmp_path, inputs, f"[{scrape('0s', x)}]") == [
        ("metrics at 0s", ['+ b_total{kind="y",service="shop"} 1'])
    ]


def test_zero_series_that_init_did_not_make_are_surplus(tmp_path):
    inputs = f"[{event(name='d', more='depth: 0')}, {event()}]"
    assert failures(tmp_path, inputs, "[{at: 0s, absent: [depth, users]}]") == [
        ("absent at 0s", ['+ depth{service="shop"} 0'])
    ]


def test_zero_series_are_surplus_where_init_made_only_others(tmp_path):
    rule = "{name: b_total, type: counter, event: b, add: n, labels: {kind: kind}, init: {kind: [x]}}"
    test = case(f"[{event(name='b', more='n: 0, kind: y')}]", "[{at: 0s, absent: [b_total]}]")
    (outcome,) = outcomes(write(tmp_path, test, rules=f"version: 1\nmetrics: [{rule}]"))
    assert [failure.lines for failure in outcome.failures] == [('+ b_total{kind="y"} 0',)]


def test_a_histogram_is_asked_by_the_buckets_that_are_named(tmp_path):
    inputs = f"[{event(name='w', more='wait: 2, kind: x')}, {event(name='w', more='wait: 3, kind: y')}]"
    buckets = [f'wait_seconds_bucket{{service="shop",kind="{kind}",le="5"}} 1' for kind in "xy"]
    sums = [
        f'wait_seconds_sum{{service="shop",kind="{kind}"}} {value}' for kind, value in (("x", 2), ("y", 3))
    ]
    assert failures(tmp_path, inputs, f"[{scrape('0s', *buckets, *sums)}]") == []
    one = 'wait_seconds_bucket{service="shop",kind="x",le="1"} 0'
    assert failures(tmp_path, inputs, f"[{scrape('0s', one)}]") == [
        ("metrics at 0s", ['+ wait_seconds_bucket{kind="y",le="1.0",service="shop"} 0'])
    ]


def test_a_label_that_is_called_window_is_one_like_others(tmp_path):
    rule = "{name: a_total, type: counter, event: a, labels: {window: kind}}"
    inputs, x = f"[{event(more='kind: x')}, {event(more='kind: y')}]", 'a_total{window="x"} 1'
    expect = f"[{scrape('0s', x)}]"
    file = write(tmp_path, case(inputs, expect), rules=f"version: 1\nmetrics: [{rule}]")
    (outcome,) = outcomes(file)
    assert [failure.lines for failure in outcome.failures] == [('+ a_total{window="y"} 1',)]


def test_buckets_are_told_by_their_bounds(tmp_path):
    buckets = [
        f'wait_seconds_bucket{{service="shop",kind="y",le="{bound}"}} 7' for bound in ("+Inf", "5", "1")
    ]
    told = failures(tmp_path, f"[{event(name='w', more='wait: 2, kind: y')}]", f"[{scrape('0s', *buckets)}]")
    bounds = [line.split('le="')[1].split('"')[0] for line in told[0][1] if line.startswith("- ")]
    assert bounds == ["1.0", "5.0", "+Inf"]


def test_absent_means_every_series_but_zero_ones_of_init(tmp_path):
    inputs = f"[{event()}]"
    assert failures(tmp_path, inputs, "[{at: 0s, absent: [b_total, wait_seconds, depth]}]") == []
    assert failures(tmp_path, inputs, "[{at: 0s, absent: [a_total]}]") == [
        ("absent at 0s", ['+ a_total{kind="unknown",service="shop"} 1'])
    ]


def test_the_clock_moves_without_waiting(tmp_path):
    inputs = f"[{event(more='user_id: u1')}, {event(at='2h', more='user_id: u2')}]"
    hour, day = 'users{service="shop",window="1h"}', 'users{service="shop",window="1d"}'
    expect = [scrape("1s", f"{hour} 1"), scrape("2h", f"{hour} 1", f"{day} 2"), scrape("23h", f"{hour} 0")]
    assert failures(tmp_path, inputs, f"[{', '.join(expect)}]") == []


def test_expectations_see_what_came_in_before_them_in_any_order(tmp_path):
    inputs = f"[{event(at='10s')}, {event(at='5s')}]"
    expect = f"[{scrape('10s', A2)}, {scrape('9s', A1)}, {{at: 4s, absent: [a_total]}}]"
    assert failures(tmp_path, inputs, expect) == []


def test_an_event_without_a_moment_comes_in_with_the_one_before_it(tmp_path):
    inputs = f"[{event(at='5s')}, {{event: a, service: shop, level: info}}]"
    assert failures(tmp_path, inputs, f"[{{at: 4s, absent: [a_total]}}, {scrape('5s', A2)}]") == []


def test_the_timestamp_is_the_moment_unless_the_event_says_another(tmp_path):
    depth = scrape("1s", 'depth{service="shop"} 1')
    own = "depth: 3, timestamp: 2025-12-31T23:00:00Z"
    inputs = f"[{event(name='d', more='depth: 1')}, {event(at='1s', name='d', more=own)}]"
    assert failures(tmp_path, inputs, f"[{depth}, {{at: 1s, skipped: {{depth: {{late: 1}}}}}}]") == []


def test_a_pair_ends_with_its_stream(tmp_path):
    inputs = f"[{event(name='s.on', more='id: 1, stream: one')}, {{at: 5s, stream: one, _closed: {{}}}}]"
    expect = f"[{scrape('4s', 'doing 1')}, {scrape('5s', 'doing 0')}]".replace(
        "doing", r"doing{service=\"shop\"}"
    )
    assert failures(tmp_path, inputs, expect) == []


def test_events_with_one_event_id_count_once(tmp_path):
    inputs = f"[{event(more='event_id: e1, repeat: 3')}, {event(at='1h', more='event_id: e1')}]"
    assert failures(tmp_path, inputs, f"[{scrape('2h', A1)}]") == []


def test_a_refused_event_fails_the_test_unless_it_is_expected(tmp_path):
    inputs = "[{at: 0s, event: Nope, service: shop, level: info}]"
    expect = "[{at: 0s, absent: [a_total]}]"
    ((title, lines),) = failures(tmp_path, inputs, expect)
    assert (title, lines[0]) == ("refused events", "+ invalid_field 1")
    assert lines[1].startswith(f"{tmp_path / 'some_test.yaml'}:3: invalid_field: event must match")
    assert failures(tmp_path, inputs, expect, more="refused: {invalid_field: 1},") == []
    assert failures(tmp_path, inputs, expect, more="refused: {invalid_field: 2},")[0][1][:2] == [
        "- invalid_field 2",
        "+ invalid_field 1",
    ]


def test_what_a_rule_skipped_is_compared_and_explains_a_difference(tmp_path):
    inputs = f"[{event(more='size: -1')}, {event(more='size: x')}]"
    assert failures(tmp_path, inputs, "[{at: 0s, skipped: {size_total: {negative: 1, value_type: 1}}}]") == []
    assert failures(tmp_path, inputs, "[{at: 0s, skipped: {size_total: {negative: 2}}}]") == [
        (
            "skipped at 0s",
            [
                "- size_total negative 2",
                "+ size_total negative 1",
                "- size_total value_type 0",
                "+ size_total value_type 1",
            ],
        )
    ]
    ((_, lines),) = failures(tmp_path, inputs, f"[{scrape('0s', 'size_total 1', A2)}]")
    assert lines == [
        "- size_total 1",
        "  size_total has skipped 1: negative",
        "  size_total has skipped 1: value_type",
    ]


def test_what_goes_beyond_a_budget_explains_a_difference(tmp_path):
    rules = "{name: a_total, type: counter, event: a, labels: {kind: kind}, max_label_values: 1}"
    text = f"  - {{name: it, input: [{event()}, {event(more='kind: y')}], expect: [{scrape('0s', A1)}]}}\n"
    (outcome,) = outcomes(write(tmp_path, text, rules=f"version: 1\nmetrics: [{rules}]"))
    assert outcome.failures[0].lines[-1] == "  a_total had no room for 1 of shop: label kind"


def test_events_of_a_file_come_in_when_they_happened(tmp_path):
    always = {"event": "a", "service": "shop", "level": "info"}
    lines = [
        {"timestamp": "2026-03-01T10:00:02Z", **always},
        {"timestamp": "2026-03-01T10:00:00Z", **always},
        {"at": "5s", "repeat": 2, **always},
    ]
    (tmp_path / "events.ndjson").write_text("\n".join(map(json.dumps, lines)) + "\nno object\n")
    expect = [scrape(at, A1[:-1] + count) for at, count in (("1s", "1"), ("4s", "2"), ("5s", "4"))]
    text = "  - {name: it, input_file: events.ndjson, refused: {invalid_json: 1}, expect: [%s]}\n"
    (outcome,) = outcomes(write(tmp_path, text % ", ".join(expect)))
    assert outcome.failures == []

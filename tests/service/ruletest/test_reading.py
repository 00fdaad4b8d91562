from __future__ import annotations

import pytest

from logweir_service.errors import RulesError
from logweir_service.ruletest import read_suites

from .written import RULES, case, event, write

HOLDS = "[{at: 0s, absent: [depth]}]"
GOOD = case(f"[{event()}]", HOLDS)


def problems(file: str) -> list[str]:
    with pytest.raises(RulesError) as error:
        read_suites([file])
    return [problem.replace(file, "FILE") for problem in error.value.problems]


@pytest.mark.parametrize(
    ("inputs", "expect", "problem"),
    [
        ("[]", HOLDS, "nothing comes in: 'input' or 'input_file' is missing, or empty"),
        ("[a]", HOLDS, "an event must be a mapping"),
        ("[{at: soon}]", HOLDS, "'at' must be a duration such as 500ms, 10s, 5m, 1h or 7d"),
        ("[{at: 36600d}]", HOLDS, "'at' lies more than a century after the start"),
        ("[{repeat: 0}]", HOLDS, "'repeat' must be a whole number from 1 to 10000"),
        ("[{}]", "[]", "nothing is expected: a test that cannot fail"),
        ("[{}]", "[{at: 0s}]", "nothing is expected: metrics, absent, promoted, skipped"),
        ("[{}]", "[{absent: [depth]}]", "'at' is missing: when it must hold, such as 5s"),
        (
            "[{}]",
            "[{at: 0s, metrcs: x}, {at: 0s, absent: [depth]}]",
            "unknown key 'metrcs' in an expectation (did you mean 'metrics'?)",
        ),
        ("[{}]", "[{at: 0s, metrics: x}]", "'x' is no sample such as name{label=\"text\"} 3"),
        (
            "[{}]",
            "[{at: 0s, metrics: '# a_total 1'}]",
            "'metrics' names no sample; for a metric without any there is 'absent'",
        ),
        (
            "[{}]",
            "[{at: 0s, metrics: a_totl 1}]",
            "no rule makes the metric 'a_totl' (did you mean 'a_total'?)",
        ),
        (
            "[{}]",
            "[{at: 0s, metrics: wait_seconds 1}]",
            "no rule makes the metric 'wait_seconds' (did you mean 'wait_seconds_sum'?)",
        ),
        ("[{}]", "[{at: 0s, absent: [dept]}]", "no rule makes the metric 'dept' (did you mean 'depth'?)"),
        (
            "[{}]",
            "[{at: 0s, skipped: {dept: {late: 1}}}]",
            "no rule makes the metric 'dept' (did you mean 'depth'?)",
        ),
        (
            "[{}]",
            "[{at: 0s, skipped: {depth: {lat: 1}}}]",
            "unknown key 'lat' in 'skipped' of a metric (did you mean 'late'?)",
        ),
        (
            "[{}]",
            "[{at: 0s, promoted: [{user: u}]}]",
            "unknown key 'user' in a promotion (did you mean 'user_id'?)",
        ),
        (
            "[{}]",
            "[{at: 0s, promoted: [{rule: error}]}]",
            "there is no promote rule 'error' (did you mean 'errors'?)",
        ),
        ("[{}]", "[{at: 0s, promoted: [{user_id: [u, v]}]}]", "'user_id' must be a text"),
        ("[{}]", "[{at: 0s, promoted: {}}]", "'promoted' must be a list"),
    ],
)
def test_what_makes_no_test_is_told_with_its_line(tmp_path, inputs, expect, problem):
    found = problems(write(tmp_path, GOOD.replace("it", "good") + case(inputs, expect)))
    assert found[0] == f"FILE:4: {problem}"


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        (
            "start: 1999-12-31T00:00:00Z,",
            "'start' must be a moment of this century such as 2026-01-01T00:00:00Z",
        ),
        ("start: noon,", "'start' must be a moment of this century such as 2026-01-01T00:00:00Z"),
        ("refused: {missing_field: none},", "'missing_field' must be a whole number from 1 on"),
        ("strt: noon,", "unknown key 'strt' in a test (did you mean 'start'?)"),
        ("input_file: '',", "'input_file' must be a text"),
    ],
)
def test_the_keys_of_a_test_are_read_strictly(tmp_path, more, problem):
    file = write(tmp_path, case(f"[{event()}]", HOLDS, more=more))
    assert f"FILE:3: {problem}" in problems(file)


def test_a_sample_of_a_block_has_a_line_of_its_own(tmp_path):
    file = write(
        tmp_path,
        f"  - name: it\n    input: [{event()}]\n    expect:\n      - at: 0s\n        metrics: |\n"
        "          a_total 1\n          a_total one\n          a_total 1\n",
    )
    assert problems(file) == [
        "FILE:9: 'a_total one' is no sample such as name{label=\"text\"} 3",
        "FILE:10: 'a_total 1' stands here twice",
    ]


def test_all_problems_of_all_files_and_their_rules_are_told_once(tmp_path):
    first = write(tmp_path, GOOD + GOOD, rules=RULES.replace("counter, event: a,", "countr, event: a,"))
    second = tmp_path / "other_test.yaml"
    second.write_text("rules: [rules.yaml, packs/http]\ntests: []\n")
    with pytest.raises(RulesError) as error:
        read_suites([first, str(second), str(tmp_path / "none_test.yaml")])
    assert [problem.replace(f"{tmp_path}/", "") for problem in error.value.problems] == [
        "rules.yaml:4: 'type' must be one of counter, gauge, histogram, distinct (did you mean 'counter'?)",
        "rules.yaml:6: 'type' must be one of counter, gauge, histogram, distinct (did you mean 'counter'?)",
        "some_test.yaml:4: the test 'it' stands at some_test.yaml:3 already",
        "other_test.yaml:2: 'tests' is missing: a list of tests",
        "none_test.yaml: cannot be read: No such file or directory",
    ]


def test_rules_stand_beside_their_tests_or_are_packs(tmp_path):
    file = write(tmp_path, GOOD)
    (tmp_path / "packs").mkdir()
    (tmp_path / "packs" / "own").write_text(
        "version: 1\nmetrics: [{name: own_total, type: counter, event: a}]"
    )
    (tmp_path / "some_test.yaml").write_text(f"rules: [rules.yaml, packs/http, packs/own]\ntests:\n{GOOD}")
    (suite,) = read_suites([file])
    names = [rule.name for rule in suite.rules.metrics]
    assert {"a_total", "http_requests_total", "own_total"} <= {*names}


def test_an_event_before_the_start_is_told_with_its_file(tmp_path):
    (tmp_path / "events.ndjson").write_text('\n{"timestamp": "2025-12-31T00:00:00Z"}\n')
    text = "  - {name: it, start: 2026-01-01T00:00:00Z, input_file: events.ndjson, expect: %s}"
    file = write(tmp_path, text % HOLDS)
    assert problems(file) == [f"{tmp_path}/events.ndjson:2: happened before the test's 'start'"]

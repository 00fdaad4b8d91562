from __future__ import annotations

from math import inf
from pathlib import Path

import pytest

from logweir_service.errors import RulesError
from logweir_service.rules import RuleSet, load

METRIC = "- {name: a_total, type: counter, event: x.a}\n"


def problems(folder: Path, text: str) -> list[str]:
    """The problems of a file, without its name."""
    file = folder / "r.yaml"
    file.write_text(text)
    with pytest.raises(RulesError) as caught:
        load([file])
    assert all(problem.startswith(f"{file}:") for problem in caught.value.problems)
    return [problem.removeprefix(f"{file}:") for problem in caught.value.problems]


def loaded(folder: Path, text: str) -> RuleSet:
    file = folder / "r.yaml"
    file.write_text(f"version: 1\n{text}")
    return load([file])


def test_every_problem_of_a_file_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    assert problems(
        tmp_path,
        """\
version: 1
metricks: []
metrics:
  - name: a_total
    type: countr
  - name: b_total
    type: counter
    evnt: x.a
    event: x.a
    event: x.b
    labels: {job: job}
""",
    ) == [
        "10: the key 'event' stands here twice",
        "2: unknown key 'metricks' in a rule file (did you mean 'metrics'?)",
        "5: 'type' must be one of counter, gauge, histogram, distinct (did you mean 'counter'?)",
        "8: unknown key 'evnt' in a metric (did you mean 'event'?)",
        "11: label 'job' is kept by Prometheus for itself",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "1: is empty"),
        ("a: [", "1: is not YAML: expected the node content, but found '<stream end>'"),
        ("version: 1\n---\nversion: 1\n", "2: is not YAML: but found another document"),
        ("- a\n", "1: a rule file must be a mapping"),
        ("version: 2\n", "1: 'version: 1' is missing"),
        ("version: 1\nmetrics: {a: 1}\n", "2: 'metrics' must be a list"),
        ("version: 1\nmetrics: [!x 1]\n", "2: the tag '!x' is not supported"),
        ("version: 1\nmetrics: &a [*a]\n", "2: an alias contains itself"),
        ("version: 1\n[1]: 2\n", "2: a key must be a text"),
        ("version: 1\nmaps: {a: 5}\n", "2: a map must be a mapping of texts"),
        ("version: 1\nmaps:\n  a:\n    b: [c]\n", "3: a map must be a mapping of texts"),
        ("version: 1\nmetrics: !!python/object:os.system [a]\n", "python/object:os.system' is not supported"),
        ("version: 1\nmaps: !!omap {}\n", "2: the tag 'tag:yaml.org,2002:omap' is not supported"),
        ("version: 1\nmaps: {a: !!bool maybe}\n", "2: 'maybe' cannot be read as bool"),
        ("version: 1\nmaps: {a: !!int 1e}\n", "2: '1e' cannot be read as int"),
        (f"version: 1\nmaps: {{a: {'9' * 5000}}}\n", f"2: '{'9' * 37}...' cannot be read as int"),
        ('version: 1\nmaps: {a: {b: "\\ud800"}}\n', "2: a text may not hold NUL or half a surrogate pair"),
        ('version: 1\nmaps: {a: {b: "\\0"}}\n', "2: a text may not hold NUL or half a surrogate pair"),
        ("a: " + "[" * 2000 + "]" * 2000, "1: is nested too deep"),
    ],
)
def test_a_file_that_is_no_rule_file_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    assert any(problem in each for each in problems(tmp_path, text))


@pytest.mark.parametrize("text", ["", "# nothing\n", "a: [", "a: " + "[" * 2000])
def test_a_file_that_is_not_yaml_has_one_problem(tmp_path: Path, text: str) -> None:
    assert len(problems(tmp_path, text)) == 1


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ("{type: counter, event: x}", "'name' is missing"),
        ("{name: a_total, event: x}", "'type' is missing"),
        ("{name: a_total, type: counter}", "'event' is missing"),
        ("{name: a_total, type: counter, event: X}", "no event name or glob"),
        ("{name: a, type: counter, event: x}", "must end in _total"),
        ("{name: a_total, type: gauge, event: x, set: y}", "must not end in _total"),
        ("{name: a-b_total, type: counter, event: x}", "not a metric name"),
        ("{name: logweir_a_total, type: counter, event: x}", "logweir_"),
        ("{name: aB_total, type: counter, event: x}", "snake_case"),
        ("{name: a_count, type: gauge, event: x, set: y}", "must not end in _count"),
        ("{name: a_milliseconds, type: gauge, event: x, set: y}", "base unit seconds"),
        ("{name: a_ms, type: gauge, event: x, set: y}", "abbreviate"),
        ("{name: a_gauge_bytes, type: gauge, event: x, set: y}", "must not name its type"),
        ("{name: a, type: histogram, event: x, observe: y, buckets: [1]}", "must end in its unit"),
        ("{name: a_seconds, type: histogram, event: x, observe: y}", "needs 'buckets'"),
        ("{name: a_seconds, type: histogram, event: x, observe: y, buckets: [2, 1]}", "ascending"),
        ("{name: a_seconds, type: histogram, event: x, observe: y, buckets: [1, .inf]}", "ascending finite"),
        ("{name: a_seconds, type: histogram, event: x, buckets: [1]}", "needs 'observe'"),
        ("{name: a_total, type: counter, event: x, buckets: [1]}", "takes no 'buckets'"),
        ("{name: a_total, type: counter, event: x, set: y}", "takes no 'set'"),
        ("{name: a_total, type: counter, event: x, add: level}", "never a number"),
        ("{name: a_total, type: counter, event: x, add: http.size}", "http.route is http_route"),
        ("{name: a_bytes, type: gauge, event: x, set: {from: y, unit: ms}}", "does not become bytes"),
        ("{name: a, type: gauge, event: x, set: {from: y, unit: ms}}", "ends in no unit"),
        ("{name: a_total, type: counter, event: x, when: a.b}", "'when' may not contain 'a.b' here"),
        ("{name: a_total, type: counter, event: x, when: true}", "'when' must be a text"),
        ("{name: a_total, type: counter, event: x, help: 1}", "'help' must be a text"),
        ("{name: a_total, type: counter, event: x, max_series: 0}", "whole number"),
        ("{name: a_total, type: counter, event: x, replace: maybe}", "true or false"),
        ("{name: a_total, type: counter, event: x, replace: true}", "no metric 'a_total' to replace"),
        ("{name: a_total, type: counter, event: x, exemplar: trace}", "'exemplar' must be one of"),
        ("{name: a_total, type: counter, event: x, init: {b: [c]}}", "unknown key 'b' in init"),
        (
            "{name: a_total, type: counter, event: x, labels: {b: {from: c, allow: web}}, init: {b: wbe}}",
            "label 'b' never is 'wbe' (did you mean 'web'?)",
        ),
        (
            "{name: a_total, type: counter, event: x, labels: {b: {from: c, map: {5*: 5x}}}, init: {b: 500}}",
            "label 'b' never is '500'",
        ),
        (
            "{name: a_total, type: counter, event: x, labels: {b: {from: c, lower: true}}, init: {b: GET}}",
            "label 'b' never is 'GET'",
        ),
        (
            "{name: a_total, type: counter, event: x, labels: {b: {from: c, truncate: 2}}, init: {b: abc}}",
            "label 'b' never is 'abc'",
        ),
        (
            "{name: a_total, type: counter, event: x, labels: {b: {value: eu}}, init: {b: us}}",
            "label 'b' never is 'us'",
        ),
        (
            "{name: a_total, type: counter, event: x, add: {by: b, from: {in: c}}, init: {b: out}}",
            "label 'b' never is 'out'",
        ),
        ("{name: a, type: gauge, pair: {start: 'j.*', end: j.end, key: k}}", "'j.end' starts it too"),
        ("{name: a, type: gauge, pair: {start: [i, j], end: [k, j], key: k}}", "'j' starts it too"),
        ("{name: a, type: gauge, pair: {start: i, end: j, key: timestamp}}", "'timestamp' is never"),
        ("{name: a_total, type: counter, event: x, once: timestamp}", "'timestamp' is never a number, and"),
        ("{name: a_total, type: counter, event: x, add: 5}", "'add' must be a field name, or a mapping"),
        ("{name: a_total, type: counter, event: x, labels: {a: user_id}}", "needs 'allow' or 'map'"),
        ("{name: a_total, type: counter, event: x, labels: {a: user_email}}", "e-mail"),
        ("{name: a_total, type: counter, event: x, labels: {a: url_path}}", "http_route is the template"),
        ("{name: a_total, type: counter, event: x, labels: {__a: b}}", "kept by Prometheus"),
        ("{name: a_total, type: counter, event: x, labels: {aB: b}}", "snake_case"),
        ("{name: a_total, type: counter, event: x, labels: {a-b: b}}", "not a label name"),
        ("{name: a_total, type: counter, event: x, labels: {a: {}}}", "one of 'from' and 'value'"),
        ("{name: a_total, type: counter, event: x, labels: {a: {from: b, value: c}}}", "one of"),
        (
            "{name: a_total, type: counter, event: x, labels: {a: {value: b, lower: true}}}",
            "takes no 'lower'",
        ),
        ("{name: a_total, type: counter, event: x, labels: {a: {from: b, other: c}}}", "without 'allow'"),
        ("{name: a_total, type: counter, event: x, labels: {a: {from: b, map: c}}}", "no map 'c'"),
        ("{name: a_total, type: counter, event: x, labels: {a: timestamp}}", "a time makes no label"),
        ("{name: a_total, type: counter, event: x, lables: {}}", "did you mean 'labels'?"),
        ("{name: a_total, type: counter, event: x, add: y, total: z}", "'add' and 'total' both say"),
        ("{name: a_total, type: counter, event: x, across: sum}", "a counter takes no 'across'"),
        ("{name: a, type: gauge, event: x, set: y, across: mean}", "one of sum, max, min"),
        ("{name: a, type: gauge, event: x, set: y, once: z}", "a gauge takes no 'once'"),
        ("{name: a, type: gauge, event: x}", "a gauge needs 'set'"),
        ("{name: a, type: gauge, event: x, pair: {start: b, end: c, key: d}}", "takes no 'event'"),
        ("{name: a, type: gauge, pair: {start: b, key: d}}", "'end' is missing in 'pair'"),
        ("{name: a, type: gauge, pair: {start: b, end: c}}", "'key' is missing"),
        ("{name: a, type: gauge, pair: {start: b, end: C, key: d}}", "no event name or glob"),
        ("{name: a, type: gauge, pair: {start: b, end: c, key: d, timeout: 60d}}", "from 1s to 30d"),
        ("{name: a, type: gauge, pair: {start: b, end: c, key: d}, across: sum}", "takes no 'across'"),
        ("{name: a, type: gauge, pair: {start: b, end: c, key: d}, expire: 5m}", "takes no 'expire'"),
        ("{name: a, type: distinct, event: x, of: y, expire: 5m}", "takes no 'expire'"),
        ("{name: a_total, type: counter, event: x, add: {from: {b: c}}}", "'by' is missing"),
        ("{name: a_total, type: counter, event: x, add: {by: d, from: b}}", "'by' goes with a 'from'"),
        ("{name: a_total, type: counter, event: x, add: {by: le, from: {b: c}}}", "label 'le' is kept"),
        ("{name: a_total, type: counter, event: x, add: {by: d, from: {b: [c]}}}", "'b' must be a field"),
        ("{name: a_total, type: counter, event: x, add: {by: d, from: {}}}", "'from' names no field"),
        (
            "{name: a_total, type: counter, event: x, once: e, add: {by: d, from: {b: c}}}",
            "'once' takes one field",
        ),
        (
            "{name: a_total, type: counter, event: x, add: {by: d, from: {b: c}}, labels: {d: e}}",
            "label 'd' is made by the metric itself",
        ),
        (
            "{name: a_seconds, type: histogram, event: x, observe: {by: d, from: {b: c}}, buckets: [1]}",
            "'observe' takes one field",
        ),
        ("{name: a, type: distinct, event: x}", "a distinct needs 'of'"),
        ("{name: a, type: distinct, event: x, of: y, windows: [soon]}", "list of durations"),
        ("{name: a, type: distinct, event: x, of: y, windows: [1s]}", "each from 1m to 90d"),
        ("{name: a, type: distinct, event: x, of: y, set: z}", "a distinct takes no 'set'"),
        ("{name: a, type: distinct, event: x, of: y, labels: {window: z}}", "'window' is made by"),
        ("{name: a_total, type: counter, event: x, expire: 5s}", "a minute or more"),
        ("{name: a_total, type: counter, event: x, expire: \u0665h}", "must be a duration"),
        (
            f"{{name: a_seconds, type: histogram, event: x, observe: y, buckets: [{'9' * 400}]}}",
            "finite numbers",
        ),
        ("{name: a_total, type: counter, event: x, birth: one}", "one of value, zero"),
        ("{name: a_total, type: counter, event: x, when: 'matches(y, z)'}", "no constant text"),
        ("{name: a_total, type: counter, event: x, when: 'matches(y, \"(\")'}", "RE2 does not take"),
    ],
)
def test_a_metric_that_cannot_be_used_is_refused_with_its_reason(
    tmp_path: Path, rule: str, problem: str
) -> None:
    found = problems(tmp_path, f"version: 1\nmetrics:\n  - {rule}\n")
    assert any(problem in each for each in found), found
    assert all(each.startswith("3: ") for each in found), found


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("promote: [{when: a}]", "'name' is missing"),
        ("promote: [{name: a, when: '1 +'}]", "is not an expression"),
        ("promote: [{name: a, sample_rate: 2}]", "from 0 to 1"),
        ("promote: [{name: a, breadcrumbs: {within: soon}}]", "must be a duration"),
        ("promote: [{name: a, breadcrumbs: {grace: 11m}}]", "'grace' must be at most 10m"),
        ("promote: [{name: a, breadcrumbs: {within: 8d}}]", "'within' must be at most 7d"),
        ("promote: [{name: a, user: {i: user_id}}]", "unknown key 'i' in user"),
        ("promote: [{name: a, rate_limit: {burst: 0}}]", "whole number from 1"),
        ("promote: [{name: a}, {name: a}]", "the promote rule 'a' stands at"),
        ("store: [{event: '*', level: debugg}]", "did you mean 'debug'?"),
        ("store: [{event: '*', keep: 2}]", "'keep' must be a number from 0 to 1"),
        (
            "store: [{event: '*', keep: seldom}]",
            "'keep' must be always, never, a share from 0 to 1, or a dur",
        ),
        ("scrub: {key: [a]}", "did you mean 'keys'?"),
        ("scrub: {patterns: [cart]}", "'cart' is no pattern; there are card, jwt, bearer, email (did you"),
        ("scrub: {keys: ['a b']}", "'a b' is no key"),
        ("scrub: {keys: [user_id]}", "'user_id' is a field of Logweir's own"),
    ],
)
def test_other_rules_are_read_strictly_too(tmp_path: Path, text: str, problem: str) -> None:
    found = problems(tmp_path, f"version: 1\n{text}\n")
    assert any(problem in each for each in found), found


def test_yaml_is_of_version_1_2(tmp_path: Path) -> None:
    rules = loaded(
        tmp_path, f"metrics:\n  {METRIC.rstrip()[:-1]}, labels: {{a: {{from: b, allow: [on, no, 010]}}}}}}"
    )
    assert rules.metrics[0].labels[0].allow == frozenset({"on", "no", "010"})


def test_promote_rules_have_the_standard_where_they_say_nothing(tmp_path: Path) -> None:
    written = load(["packs/errors"]).promote[0]
    assert loaded(tmp_path, "promote: [{name: errors}]").promote == (written,)


def test_store_and_scrub_are_kept(tmp_path: Path) -> None:
    rules = loaded(tmp_path, "store: [{event: 'x.*', level: debug, keep: never}]\nscrub: {keys: [password]}")
    assert (rules.store[0].levels, rules.store[0].keep) == (("debug",), 0.0)
    assert rules.store[0].name == "x.* debug"
    assert rules.scrub[0].keys == ("password",)


@pytest.mark.parametrize(
    ("keep", "share", "seconds"),
    [
        ("0.25", 0.25, inf),
        ("always", 1.0, inf),
        ("never", 0.0, inf),
        ("7d", 1.0, 604_800),
        ("90m", 1.0, 5400),
    ],
)
def test_what_is_stored_is_kept_always_never_by_share_or_for_a_time(tmp_path, keep, share, seconds) -> None:
    (rule,) = loaded(tmp_path, f"store: [{{event: a.b, keep: {keep}}}]").store
    assert (rule.keep, rule.keep_seconds) == (share, seconds)


def test_a_later_rule_replaces_an_earlier_one_only_if_it_says_so(tmp_path: Path) -> None:
    first, second = tmp_path / "1.yaml", tmp_path / "2.yaml"
    first.write_text(f"version: 1\nmetrics:\n  {METRIC}")
    second.write_text(f"version: 1\nmetrics:\n  {METRIC}")
    with pytest.raises(RulesError, match=r"2\.yaml:3: the metric 'a_total' stands at .*1\.yaml:3 already"):
        load([first, second])
    second.write_text("version: 1\nmetrics: [{name: a_total, type: counter, event: x.b, replace: true}]")
    assert [rule.events for rule in load([first, second]).metrics] == [("x.b",)]


def test_two_metrics_of_one_openmetrics_family_are_refused(tmp_path: Path) -> None:
    text = f"version: 1\nmetrics:\n  {METRIC}  - {{name: a, type: gauge, event: x, set: y}}\n"
    assert problems(tmp_path, text) == ["4: 'a' and 'a_total' are one name to OpenMetrics"]


def test_a_folder_is_read_without_its_tests(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text(f"version: 1\nmetrics:\n  {METRIC}")
    (tmp_path / "a.yaml").write_text("version: 1\nmetrics: [{name: b_total, type: counter, event: x}]")
    (tmp_path / "a_test.yaml").write_text("rules: [a.yaml]")
    assert [rule.name for rule in load([tmp_path]).metrics] == ["b_total", "a_total"]


def test_sources_that_are_not_there_are_told(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    long = "long" * 2000
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"version: 1 # \xe9")
    with pytest.raises(RulesError) as caught:
        load(["packs/htpp", tmp_path / "no.yaml", latin, tmp_path / "empty", long, "nul\0", "/dev/zero"])
    assert caught.value.problems == (
        "packs/htpp: there is no pack 'htpp' (did you mean 'http'?)",
        f"{tmp_path}/no.yaml: cannot be read: No such file or directory",
        f"{latin}: is not UTF-8",
        f"{tmp_path}/empty: is a folder without rule files (*.yaml)",
        f"{long}: cannot be read: File name too long",
        "nul\0: cannot be read: embedded null byte",
        "/dev/zero: is larger than 5000000 bytes",
    )


def test_pack_labels_take_the_place_of_those_in_the_packs_only(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(f"version: 1\ndefaults: {{labels: {{service: service}}}}\nmetrics:\n  {METRIC}")
    rules = load(["packs", own], pack_labels=["service", "service_version"])
    labels = {rule.name: [label.name for label in rule.labels] for rule in rules.metrics}
    assert labels["http_slow_requests_total"] == ["service", "service_version", "endpoint"]
    assert labels["a_total"] == ["service"]
    with pytest.raises(RulesError, match="label 'job' is kept by Prometheus"):
        load(["packs"], pack_labels=["job"])


@pytest.mark.parametrize("other", ["orders_total", "orders_seconds"])
def test_a_counter_of_what_was_created_is_none_of_another_metrics_beginnings(
    tmp_path: Path, other: str
) -> None:
    kind = "counter" if other == "orders_total" else "histogram, observe: a, buckets: [1]"
    created = other.removesuffix("_total") + "_created_total"
    text = f"""version: 1
metrics:
  - {{name: {created}, type: counter, event: x.a}}
"""
    (tmp_path / "rules.yaml").write_text(text)
    assert load([tmp_path]).metrics[0].name == created
    (tmp_path / "rules.yaml").write_text(text + f"  - {{name: {other}, type: {kind}, event: x.a}}\n")
    with pytest.raises(RulesError, match=rf"rules.yaml:3: '{created}' and '{other}' are one name"):
        load([tmp_path])

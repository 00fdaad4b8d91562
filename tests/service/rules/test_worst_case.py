from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logweir_service.derive.text import labeller
from logweir_service.event import event_type
from logweir_service.rules import LabelRule, WorstCase, load

WORDS = st.sampled_from(["", "a", "b", "ab", "B", "other", "unknown", "long text"])
RULES = st.builds(
    LabelRule,
    name=st.just("kind"),
    fields=st.sampled_from([("kind",), ("level",), ("service",), ("kind", "level")]),
    default=WORDS,
    lower=st.booleans(),
    map=st.none() | st.lists(st.tuples(st.sampled_from(["a*", "?", "*", "b"]), WORDS)).map(tuple),
    allow=st.none() | st.frozensets(WORDS),
    other=WORDS,
    truncate=st.integers(1, 4),
)


def worst_case(tmp_path: Path, metric: str) -> WorstCase:
    file = tmp_path / "rules.yaml"
    file.write_text(f"version: 1\nmetrics:\n  - {{event: a.b, {metric}}}\n")
    (rule,) = load([file]).metrics
    return WorstCase.of(rule)


@given(RULES, st.lists(st.tuples(st.none() | WORDS, st.sampled_from(["info", "error"])), max_size=20))
def test_label_never_has_more_texts_than_its_worst_case(rule, given_values):
    struct: Any = event_type(["kind", "level"])
    times = {"timestamp": None, "event": "a.b", "service": "shop"}
    events = [struct(kind=kind, level=level, **times) for kind, level in given_values]
    metric = load(["packs/http"]).metrics[0]
    case = WorstCase.of(type(metric)(name="m", type="counter", help="", events=(), labels=(rule,)))
    texts = {labeller([rule])(event) for event in events}
    assert len(texts) <= case.labels["kind"]


@pytest.mark.parametrize(
    ("label", "values"),
    [
        ("{value: eu}", 1),
        ("service", 1),
        ("level", 5),
        ("kind", 200),
        ("{from: kind, allow: [a, b]}", 4),  # and other, and unknown
        ("{from: kind, allow: [a, unknown], other: a}", 2),
        ("{from: kind, default: a, allow: [a, b], other: b}", 2),
        ("{from: kind, map: {'2??': 2xx, '20?': 2xx, '4??': 4xx}}", 4),
        ("{from: kind, map: {'2??': 2xx, '*': rest}}", 3),
        ("{from: kind, map: {a: x, b: y}, allow: [x]}", 3),
        ("{from: kind, map: {a: x, '*': y}, allow: [x, y, z]}", 3),
    ],
)
def test_label_has_as_many_values_as_its_rule_lets_through(tmp_path, label, values):
    case = worst_case(tmp_path, f"name: a_total, type: counter, labels: {{k: {label}}}")
    assert case.labels == {"k": values}
    assert case.unbounded == (("k",) if label == "kind" else ())


@pytest.mark.parametrize(
    ("metric", "series", "samples"),
    [
        ("name: a_total, type: counter", 1, 1),
        ("name: a_total, type: counter, labels: {k: kind, l: level}", 1000, 1000),
        ("name: a_total, type: counter, max_label_values: 3, labels: {k: kind, l: level}", 9, 9),
        ("name: a_total, type: counter, max_series: 7, labels: {k: kind, l: level}", 7, 7),
        ("name: a_seconds, type: histogram, observe: a, buckets: [1, 2], labels: {l: level}", 5, 25),
        ("name: a, type: gauge, set: a", 200, 200),  # of as many instances
        ("name: a, type: gauge, set: a, across: sum", 1, 1),
        ("name: a, type: distinct, of: user_id, windows: [1h, 1d]", 1, 2),
    ],
)
def test_metric_has_the_product_of_its_labels_within_its_budget(tmp_path, metric, series, samples):
    case = worst_case(tmp_path, metric)
    assert (case.series, case.samples) == (series, samples)

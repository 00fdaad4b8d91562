from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from logweir.fields import CORRELATION_ID
from logweir_service.derive import Derivation
from logweir_service.rules import LabelRule, MetricRule, RuleSet, ValueRule

from .events import RECEIVED, decoded, rules_of

NASTY = [
    '"',
    "\\",
    "\n",
    "# HELP x y",
    "}",
    "{",
    ",",
    "=",
    "%s",
    "%",
    "\r",
    "\u2028",
    "\x85",
    "é",
    "\x00",
    "a 1\nb 2",
]
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.lists(st.sampled_from(NASTY)).map(
    "".join
)


def rule(**changes: Any) -> MetricRule:
    given = {"name": "things_total", "type": "counter", "help": "Things.", "events": ("x.a",)} | changes
    return MetricRule(**given)


def shown(derivation: Derivation) -> tuple[list[Any], list[Any]]:
    """The families that both parsers read."""
    text = derivation.expose(openmetrics=False).decode()
    openmetrics = derivation.expose(openmetrics=True).decode() + "# EOF\n"
    return list(parse_text(text)), list(parse_openmetrics(openmetrics))


@pytest.mark.fault(39)
@settings(deadline=None)
@given(values=st.lists(texts, min_size=1, max_size=5), help_text=texts, constant=texts)
def test_any_label_value_and_help_is_read_back_as_one_sample(
    values: list[str], help_text: str, constant: str
) -> None:
    labels = (LabelRule(name="x", fields=("a",)), LabelRule(name="c", constant=constant))
    rules = RuleSet(
        metrics=(
            rule(labels=labels, help=help_text),
            rule(
                name="b_seconds",
                type="histogram",
                labels=labels,
                buckets=(0.5, 1.0),
                value=ValueRule(field="n"),
                help=help_text,
            ),
        )
    )
    derivation = Derivation(rules)
    derivation.apply(
        decoded(rules, [{"a": value, "n": 0.7, "correlation_id": "c1"} for value in values]), RECEIVED
    )
    expected = {value.replace("\0", "\ufffd") for value in values}
    for families in shown(derivation):
        counted = [sample for sample in families[0].samples if sample.name == "things_total"]
        assert {sample.labels["x"] for sample in counted} == expected
        assert {sample.labels["c"] for sample in counted} == {constant.replace("\0", "\ufffd")}
        assert sum(sample.value for sample in counted) == len(values)
        observed = [sample for sample in families[1].samples if sample.name == "b_seconds_count"]
        assert {sample.labels["x"] for sample in observed} == expected
        assert len(families) == 2


def test_openmetrics_names_families_units_and_beginnings(tmp_path: Path) -> None:
    rules = rules_of(
        tmp_path,
        """
metrics:
  - {name: paid_eur_total, type: counter, help: 'Said "paid".', event: x.a, add: n}
  - {name: depth, type: gauge, event: x.a, set: n, across: max}
  - {name: wait_seconds, type: histogram, event: x.a, observe: n, buckets: [1], exemplar: none}
""",
    )
    derivation = Derivation(rules)
    derivation.apply(decoded(rules, [{"n": 2, "correlation_id": "c1"}]), RECEIVED)
    assert derivation.expose(openmetrics=True).decode() == (
        '# HELP paid_eur Said \\"paid\\".\n'
        "# TYPE paid_eur counter\n"
        "# UNIT paid_eur eur\n"
        'paid_eur_total 2.0 # {correlation_id="c1"} 2.0 1767225600.000\n'
        "paid_eur_created 1767225600.000\n"
        "# HELP depth Derived from x.a.\n"
        "# TYPE depth gauge\n"
        "depth 2.0\n"
        "# HELP wait_seconds Derived from x.a.\n"
        "# TYPE wait_seconds histogram\n"
        "# UNIT wait_seconds seconds\n"
        'wait_seconds_bucket{le="1.0"} 0\n'
        'wait_seconds_bucket{le="+Inf"} 1\n'
        "wait_seconds_sum 2.0\n"
        "wait_seconds_count 1\n"
        "wait_seconds_created 1767225600.000\n"
    )


def test_the_text_format_has_neither_exemplars_nor_beginnings() -> None:
    rules = RuleSet(metrics=(rule(labels=(LabelRule(name="x", fields=("a",)),)),))
    derivation = Derivation(rules)
    derivation.apply(decoded(rules, [{"a": "1", "correlation_id": "c1"}]), RECEIVED)
    assert derivation.expose(openmetrics=False).decode() == (
        '# HELP things_total Things.\n# TYPE things_total counter\nthings_total{x="1"} 1\n'
    )


HISTOGRAM = rule(name="b_seconds", type="histogram", buckets=(0.5, 1.0), value=ValueRule(field="n"))


def exemplars(derivation: Derivation) -> dict[str, tuple[dict[str, str], float]]:
    return {
        sample.labels["le"]: (sample.exemplar.labels, sample.exemplar.value)
        for family in shown(derivation)[1]
        for sample in family.samples
        if sample.exemplar
    }


def test_an_exemplar_stands_in_the_bucket_of_its_value() -> None:
    rules = RuleSet(metrics=(HISTOGRAM,))
    derivation = Derivation(rules)
    trace = "0af7651916cd43dd8448eb211c80319c"
    raw: list[dict[str, Any]] = [
        {"n": 0.2, "correlation_id": "c1"},
        {"n": 3, "correlation_id": trace},
        {"n": 0.7},
    ]
    derivation.apply(decoded(rules, raw), RECEIVED)
    assert exemplars(derivation) == {
        "0.5": ({"correlation_id": "c1"}, 0.2),
        "+Inf": ({"trace_id": trace}, 3.0),
    }


def test_a_bucket_takes_a_new_exemplar_after_a_second() -> None:
    rules = RuleSet(metrics=(HISTOGRAM,))
    derivation = Derivation(rules)
    for seconds, name in ((0.0, "first"), (0.5, "second"), (1.0, "third")):
        derivation.apply(decoded(rules, [{"n": 0.2, "correlation_id": name}]), RECEIVED + seconds)
        assert exemplars(derivation)["0.5"][0] == {"correlation_id": "third" if name == "third" else "first"}


def test_an_exemplar_longer_than_openmetrics_allows_is_left_out() -> None:
    rules = RuleSet(metrics=(HISTOGRAM,))
    derivation = Derivation(rules)
    derivation.apply(decoded(rules, [{"n": 0.2, "correlation_id": "c" * 115}]), RECEIVED)
    assert exemplars(derivation) == {}
    derivation.apply(decoded(rules, [{"n": 0.2, "correlation_id": "c" * 114}]), RECEIVED + 1)
    assert len(exemplars(derivation)) == 1


def test_the_order_of_series_does_not_depend_on_the_order_of_events() -> None:
    rules = RuleSet(metrics=(rule(labels=(LabelRule(name="x", fields=("a",)),)),))
    raw = [{"a": text} for text in "bca"]
    forwards, backwards = Derivation(rules), Derivation(rules)
    forwards.apply(decoded(rules, raw), RECEIVED)
    assert forwards.expose(openmetrics=False)
    forwards.apply(decoded(rules, [{"a": "0"}]), RECEIVED)
    backwards.apply(decoded(rules, [{"a": "0"}, *reversed(raw)]), RECEIVED)
    assert forwards.expose(openmetrics=False) == backwards.expose(openmetrics=False)


@pytest.mark.fault(39)
@settings(deadline=None)
@given(correlation_id=st.from_regex(CORRELATION_ID, fullmatch=True))
def test_any_correlation_id_is_read_back_as_the_exemplar_of_one_sample(correlation_id: str) -> None:
    rules = RuleSet(metrics=(rule(),))
    derivation = Derivation(rules)
    derivation.apply(decoded(rules, [{"correlation_id": correlation_id}]), RECEIVED)
    (family,) = shown(derivation)[1]
    (exemplar,) = [sample.exemplar for sample in family.samples if sample.name == "things_total"]
    fits = len("correlation_id" + correlation_id) <= 128
    assert (exemplar and list(exemplar.labels.values())) == ([correlation_id] if fits else None)


@pytest.mark.fault(39)
def test_a_label_value_of_ten_megabytes_is_cut_and_not_kept() -> None:
    rules = RuleSet(metrics=(rule(labels=(LabelRule(name="x", fields=("a",)),)),))
    derivation = Derivation(rules)
    derivation.apply(decoded(rules, [{"a": '"\n' * 5_000_000}]), RECEIVED)
    assert derivation.expose(openmetrics=False).count(b"\n") == 3
    assert len(derivation.expose(openmetrics=False)) < 700
    take: Any = derivation._tables["info"]["x.a"]
    assert take.__globals__["entries"] == {}

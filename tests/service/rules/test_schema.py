"""The schema for editors says what the loader says, as far as a schema can."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from logweir_service.errors import RulesError
from logweir_service.rules import load
from logweir_service.rules.names import SCALES
from logweir_service.rules.section import Section

from .schema import SCHEMA, faults
from .test_docs import EXAMPLES

PACKS = sorted((Path(load.__code__.co_filename).parents[1] / "packs").glob("*.yaml"))
WHOLE = """
version: 1
defaults: {labels: {a: a}}
metrics:
  - {name: a_seconds, type: histogram, event: a, observe: {from: a}, buckets: [1], labels: {b: {from: b}}}
  - {name: b_total, type: counter, event: a, add: {from: a}, init: {a: [x]}}
  - {name: c_total, type: counter, event: a, total: {from: a}}
  - {name: d, type: gauge, event: a, set: {from: a}}
  - {name: e, type: gauge, pair: {start: a, end: b, key: c}}
  - {name: f, type: distinct, event: a, of: a}
promote: [{name: a, user: {id: a}, breadcrumbs: {last: 1}, rate_limit: {burst: 1}}]
store: [{event: a}]
scrub: {keys: a}
"""
SCHEMA_OF = {
    "a rule file": SCHEMA,
    "label": SCHEMA["definitions"]["label"]["anyOf"][2],
    "'pair'": SCHEMA["definitions"]["metric"]["properties"]["pair"],
    **dict.fromkeys(("'add'", "'total'", "'set'", "'observe'"), SCHEMA["definitions"]["value"]["anyOf"][1]),
    **{name: SCHEMA["definitions"][name] for name in ("defaults", "scrub")},
    **{f"a {name}": SCHEMA["definitions"][name] for name in ("metric",)},
    **{f"a {name} rule": SCHEMA["definitions"][name] for name in ("promote", "store")},
    **{
        name: SCHEMA["definitions"]["promote"]["properties"][name]
        for name in ("user", "breadcrumbs", "rate_limit")
    },
}
"""By what the loader calls it."""


def read(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def test_every_key_that_the_loader_knows_stands_in_the_schema_and_no_other(monkeypatch, tmp_path):
    known: defaultdict[str, set[str]] = defaultdict(set)
    real = Section.__init__

    def noting(section, node, problems, *, what, keys, later=()):
        known[re.sub(r"^label '.*'$", "label", what)] |= {*keys}
        real(section, node, problems, what=what, keys=keys, later=later)

    monkeypatch.setattr(Section, "__init__", noting)
    (tmp_path / "whole.yaml").write_text(WHOLE)
    load([tmp_path])
    del known["init"]  # whose keys are the labels' names
    assert known == {what: {*schema["properties"]} for what, schema in SCHEMA_OF.items()}


@pytest.mark.parametrize("path", PACKS, ids=lambda path: path.name)
def test_every_pack_fits(path):
    assert [*faults(read(path.read_text()))] == []


@pytest.mark.parametrize("example", [*EXAMPLES, WHOLE])
def test_every_example_of_the_page_fits(example):
    assert [*faults(read(example))] == []


def test_units_are_those_that_are_converted():
    units = SCHEMA["definitions"]["unit"]["enum"]
    assert set(units) == {name for scales in SCALES.values() for name in scales}


def metric(text: str) -> str:
    return f"version: 1\nmetrics: [{{name: a_total, type: counter, event: a.b, {text}}}]"


@pytest.mark.parametrize(
    "text",
    [
        "metrics: []",
        "version: 2",
        "version: true",
        "version: 1\nmetric: []",
        "version: 1\nmetrics: {}",
        "version: 1\nmetrics: [{name: a_total, event: a}]",
        "version: 1\nmetrics: [{name: a_total, type: counter}]",
        "version: 1\nmetrics: [{name: logweir_a_total, type: counter, event: a}]",
        "version: 1\nmetrics: [{name: a_total, type: countr, event: a}]",
        "version: 1\nmetrics: [{name: a, type: gauge, event: a}]",
        "version: 1\nmetrics: [{name: a, type: gauge, event: a, set: b, pair: {start: a, end: b, key: c}}]",
        "version: 1\nmetrics: [{name: a, type: gauge, event: a, pair: {start: a, end: b, key: c}}]",
        "version: 1\nmetrics: [{name: a, type: gauge, pair: {start: a, key: c}}]",
        "version: 1\nmetrics: [{name: a, type: gauge, event: a, set: b, across: avg}]",
        "version: 1\nmetrics: [{name: a, type: gauge, event: a, set: b, once: c}]",
        "version: 1\nmetrics: [{name: a_seconds, type: histogram, event: a, observe: b}]",
        "version: 1\nmetrics: [{name: a_seconds, type: histogram, event: a, observe: b, buckets: []}]",
        "version: 1\nmetrics: [{name: a_seconds, type: histogram, event: a, observe: b, buckets: [x]}]",
        "version: 1\nmetrics: [{name: a, type: distinct, event: a}]",
        "version: 1\nmetrics: [{name: a, type: distinct, event: a, of: b, windows: [1w]}]",
        metric("evnt: a"),
        "version: 1\nmetrics: [{name: a_total, type: counter, event: Not An Event}]",
        "version: 1\nmetrics: [{name: a_total, type: counter, event: []}]",
        metric("when: 1"),
        metric("set: b"),
        metric("across: sum"),
        metric("add: b, total: c"),
        metric("add: a.b"),
        metric("add: {unit: ms}"),
        metric("add: {from: a, unit: weeks}"),
        metric("add: {from: {x: a}}"),
        metric("add: {from: a, by: b}"),
        metric("labels: {a: {from: b, value: c}}"),
        metric("labels: {a: {value: c, lower: true}}"),
        metric("labels: {a: {default: c}}"),
        metric("labels: {a: {from: b, truncate: 201}}"),
        metric("labels: {a-b: c}"),
        metric("max_series: 0"),
        metric("expire: soon"),
        metric("birth: one"),
        metric("exemplar: trace_id"),
        metric("replace: 1"),
        "version: 1\npromote: [{when: a}]",
        "version: 1\npromote: [{name: a, sample_rate: 2}]",
        "version: 1\npromote: [{name: a, user: {ident: a}}]",
        "version: 1\npromote: [{name: a, breadcrumbs: {by: user_id}}]",
        "version: 1\nstore: [{event: a, level: loud}]",
        "version: 1\nstore: [{event: a, keep: 2}]",
        "version: 1\nscrub: {patterns: [phone]}",
    ],
)
def test_what_the_schema_refuses_the_loader_refuses_too(tmp_path, text):
    file = tmp_path / "broken.yaml"
    file.write_text(text)
    assert [*faults(read(text))] != []
    with pytest.raises(RulesError):
        load([file])

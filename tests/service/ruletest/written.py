"""Rules and tests as files, and what becomes of them."""

from __future__ import annotations

import json
from pathlib import Path

from logweir_service.ruletest import Coverage, Outcome, read_suites, run

RULES = """
version: 1
defaults: {labels: {service: service}}
metrics:
  - {name: a_total, type: counter, event: a, labels: {kind: kind}}
  - {name: b_total, type: counter, event: b, labels: {kind: kind}, init: {kind: [x]}}
  - {name: size_total, type: counter, event: a, when: size is not None, add: size}
  - {name: wait_seconds, type: histogram, event: w, observe: wait, buckets: [1, 5],
     labels: {kind: kind}, init: {kind: [x]}}
  - {name: depth, type: gauge, event: d, set: depth, across: sum}
  - {name: doing, type: gauge, pair: {start: s.on, end: s.off, key: id, timeout: 1h}}
  - {name: users, type: distinct, event: "*", of: user_id, windows: [1h, 1d]}
promote:
  - name: errors
    when: level == "error"
    breadcrumbs: {grace: 2s}
"""


def write(folder: Path, tests: str, *, rules: str = RULES) -> str:
    """A file of tests beside the rules."""
    (folder / "rules.yaml").write_text(rules.lstrip())
    file = folder / "some_test.yaml"
    file.write_text(f"rules: [rules.yaml]\ntests:\n{tests}")
    return str(file)


def case(inputs: str, expect: str, *, more: str = "") -> str:
    """A test; `inputs` and `expect` are lists in YAML's short form."""
    return f"  - {{name: it, {more} input: {inputs}, expect: {expect}}}\n"


def event(at: str = "0s", name: str = "a", more: str = "") -> str:
    """An event in YAML's short form."""
    return f"{{at: {at}, event: {name}, service: shop, level: info{', ' if more else ''}{more}}}"


def outcomes(file: str, coverage: Coverage | None = None) -> list[Outcome]:
    """Run the tests of a file."""
    return [
        run(each, suite.rules, file=suite.file, coverage=coverage or Coverage())
        for suite in read_suites([file])
        for each in suite.cases
    ]


def failures(folder: Path, inputs: str, expect: str, *, more: str = "") -> list[tuple[str, list[str]]]:
    """The titles and lines of what one test finds wrong."""
    (outcome,) = outcomes(write(folder, case(inputs, expect, more=more)))
    return [(failure.title, list(failure.lines)) for failure in outcome.failures]


def scrape(at: str, *samples: str) -> str:
    """An expectation of samples in YAML's short form."""
    return f"{{at: {at}, metrics: {json.dumps(chr(10).join(samples))}}}"

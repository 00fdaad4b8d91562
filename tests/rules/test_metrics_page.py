"""The page of metrics says what the packs derive, and its queries are PromQL."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from logweir_service.derive import Derivation
from logweir_service.rules import load
from tests.service.derive.events import RECEIVED, decoded

from .metrics_page import PAGE, page, queries
from .tests_of_packs import inputs

RULES = load(["packs", "packs/compat"])


def test_the_page_is_made_of_the_packs_as_they_are() -> None:
    assert PAGE.read_text() == page(), "run: python -m tests.rules.metrics_page"


def test_every_metric_has_one_row_and_every_query_is_on_the_page() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", PAGE.read_text(), re.M)
    assert sorted(rows) == sorted(rule.name for rule in RULES.metrics)
    lines = PAGE.read_text().splitlines()
    assert all(query in lines for _, query in queries(RULES.metrics))


@pytest.mark.needs("promtool")
def test_every_query_finds_something_in_what_the_packs_expose(tmp_path: Path) -> None:
    derivation = Derivation(RULES)
    derivation.apply(decoded(RULES, inputs()), RECEIVED)
    shown = derivation.expose(openmetrics=False).decode().splitlines()
    series = [line.rpartition(" ")[0] for line in shown if not line.startswith("#")]
    test = {
        "interval": "1m",
        "input_series": [{"series": each, "values": "0+1x10"} for each in series],
        "promql_expr_test": [
            {
                "expr": f"count({query}) > bool 0",
                "eval_time": "10m",
                "exp_samples": [{"labels": "{}", "value": 1}],
            }
            for _, query in queries(RULES.metrics)
        ],
    }
    (tmp_path / "test.yaml").write_text(json.dumps({"tests": [test]}))
    tested = subprocess.run(
        ["promtool", "test", "rules", "test.yaml"], cwd=tmp_path, capture_output=True, check=False
    )
    assert tested.returncode == 0, tested.stdout.decode() + tested.stderr.decode()
    assert len(test["promql_expr_test"]) == len(RULES.metrics)

"""The page of metrics says what the packs derive, and its queries are PromQL."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from logweir_service.rules import load

from .metrics_page import PAGE, page, queries

RULES = load(["packs", "packs/compat"]).metrics


def test_the_page_is_made_of_the_packs_as_they_are() -> None:
    assert PAGE.read_text() == page(), "run: python -m tests.rules.metrics_page"


def test_every_metric_has_one_row_and_every_query_is_on_the_page() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", PAGE.read_text(), re.M)
    assert sorted(rows) == sorted(rule.name for rule in RULES)
    lines = PAGE.read_text().splitlines()
    assert all(query in lines for _, query in queries(RULES))


@pytest.mark.needs("promtool")
def test_every_query_is_promql(tmp_path: Path) -> None:
    recorded = [{"record": f"x:{name}", "expr": query} for name, query in queries(RULES)]
    file = tmp_path / "queries.yaml"
    file.write_text(json.dumps({"groups": [{"name": "queries", "rules": recorded}]}))
    checked = subprocess.run(["promtool", "check", "rules", str(file)], capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr.decode()
    assert f"SUCCESS: {len(RULES)} rules found" in checked.stdout.decode()

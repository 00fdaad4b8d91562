"""The alerts fire on what they say, read metrics that there are, and each has a line that says what to do."""

from __future__ import annotations

import re
import subprocess

import pytest
from ruamel.yaml import YAML

from logweir_service.telemetry import Telemetry

from .metrics_page import ROOT

FOLDER = ROOT / "deploy" / "prometheus"


def alerts() -> dict[str, str]:
    """Name and expression of each."""
    groups = YAML(typ="safe", pure=True).load((FOLDER / "alerts.yaml").read_text())["groups"]
    return {rule["alert"]: rule["expr"] for group in groups for rule in group["rules"]}


@pytest.mark.needs("promtool")
def test_the_alerts_pass_their_tests() -> None:
    tested = subprocess.run(
        ["promtool", "test", "rules", "alerts_test.yaml"], cwd=FOLDER, capture_output=True, check=False
    )
    assert tested.returncode == 0, tested.stdout.decode() + tested.stderr.decode()
    assert b"SUCCESS" in tested.stdout


def test_every_alert_has_a_test_and_a_line_that_says_what_to_do() -> None:
    tests = (FOLDER / "alerts_test.yaml").read_text()
    runbook = (ROOT / "docs" / "operations.md").read_text().partition("## Alerts")[2]
    for name in alerts():
        assert f"alertname: {name}" in tests
        assert f"| `{name}` |" in runbook


def test_the_alerts_read_only_metrics_that_the_service_has() -> None:
    known = {sample.name for metric in Telemetry().registry.collect() for sample in metric.samples}
    read = {name for expression in alerts().values() for name in re.findall(r"logweir_\w+", expression)}
    assert read
    assert read <= known

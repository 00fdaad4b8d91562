"""What the packs expose keeps Prometheus' conventions."""

from __future__ import annotations

import subprocess

import pytest

from logweir_service.derive import Derivation
from logweir_service.rules import load
from tests.service.derive.events import RECEIVED, decoded

from .tests_of_packs import inputs


@pytest.mark.fault(39)
@pytest.mark.needs("promtool")
def test_promtool_finds_nothing_to_say_about_the_packs() -> None:
    rules = load(["packs", "packs/compat"])
    derivation = Derivation(rules)
    raw = [event | {"environment": 'a"b\\c\nd # HELP x}'} for event in inputs()]
    derivation.apply(decoded(rules, raw), RECEIVED)
    text = derivation.expose(openmetrics=False)
    assert {rule.name for rule in rules.metrics} == {
        line.split()[2] for line in text.decode().splitlines() if line.startswith("# TYPE")
    }
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")

"""What the packs expose keeps Prometheus' conventions."""

from __future__ import annotations

import subprocess

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from logweir_service.derive import Derivation
from logweir_service.rules import load
from tests.service.derive.events import RECEIVED, decoded

from .tests_of_packs import EXAMPLES, inputs

RULES = load(["packs", "packs/compat", EXAMPLES / "business.yaml"])


@pytest.fixture(scope="module")
def derivation() -> Derivation:
    """What all rules make of all events that their tests send."""
    derivation = Derivation(RULES)
    raw = [event | {"environment": 'a"b\\c\nd # HELP x}'} for event in inputs()]
    derivation.apply(decoded(RULES, raw), RECEIVED)
    return derivation


@pytest.mark.fault(39)
@pytest.mark.needs("promtool")
def test_promtool_finds_nothing_to_say_about_the_packs(derivation: Derivation) -> None:
    text = derivation.expose(openmetrics=False)
    assert {rule.name for rule in RULES.metrics} == {
        line.split()[2] for line in text.decode().splitlines() if line.startswith("# TYPE")
    }
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_openmetrics_of_the_packs_is_read_back_whole(derivation: Derivation) -> None:
    text = derivation.expose(openmetrics=True).decode() + "# EOF\n"
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert families.keys() == {rule.name.removesuffix("_total") for rule in RULES.metrics}
    assert all(family.samples for family in families.values())

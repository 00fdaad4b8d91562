"""The tests of the packs and of the example, run on a derivation."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from logweir_service.derive import Derivation
from logweir_service.rules import load
from tests.service.derive.events import RECEIVED, decoded

from .tests_of_packs import documents


def seconds(text: str) -> float:
    number, unit = re.fullmatch(r"([0-9.]+)([smhd])", text).groups()  # type: ignore[union-attr]
    return float(number) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[unit]


def samples(text: str) -> dict[str, dict[Any, float]]:
    found: dict[str, dict[Any, float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


CASES = [
    pytest.param(
        [each if each.startswith("packs/") else file.parent / each for each in document["rules"]],
        case,
        id=f"{file.stem}: {case['name']}",
    )
    for file, document in documents()
    for case in document["tests"]
]


@pytest.mark.parametrize(("sources", "case"), CASES)
def test_runs(sources: list[str | Path], case: Any) -> None:
    rules = load(sources)
    derivation = Derivation(rules)
    steps = [(seconds(each["at"]), 0, each) for each in case["input"]]
    steps += [(seconds(each["at"]), 1, each) for each in case["expect"]]
    for at, kind, each in sorted(steps, key=lambda step: step[:2]):
        if kind == 0:
            fields = {k: v for k, v in each.items() if k not in ("at", "repeat")}
            fields["timestamp"] = datetime.fromtimestamp(RECEIVED + at, UTC).isoformat()
            derivation.apply(decoded(rules, [fields] * each.get("repeat", 1)), RECEIVED + at)
            continue
        shown = samples(derivation.expose(openmetrics=False, now=RECEIVED + at).decode())
        for name, expected in samples(each.get("metrics", "")).items():
            zeros = {labels for labels, value in shown.get(name, {}).items() if value == 0} - expected.keys()
            found = {labels: value for labels, value in shown.get(name, {}).items() if labels not in zeros}
            assert found == pytest.approx(expected), name
        assert [name for name in each.get("absent", ()) if any(s.startswith(name) for s in shown)] == []
    assert {reason for _, reason in derivation.skipped} <= {"timeout"}

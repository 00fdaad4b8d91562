"""The recording rules make of the packs' metrics what they say."""

from __future__ import annotations

import re
import subprocess

import pytest

from logweir_service.rules import load

from .metrics_page import ROOT

FOLDER = ROOT / "deploy" / "prometheus"


@pytest.mark.needs("promtool")
def test_the_recording_rules_pass_their_tests() -> None:
    tested = subprocess.run(
        ["promtool", "test", "rules", "recording_test.yaml"], cwd=FOLDER, capture_output=True, check=False
    )
    assert tested.returncode == 0, tested.stdout.decode()
    assert b"SUCCESS" in tested.stdout


def test_the_recording_rules_read_only_metrics_that_the_packs_derive() -> None:
    known = {rule.name for rule in load(["packs"]).metrics}
    text = (FOLDER / "recording.yaml").read_text()
    read = set(re.findall(r"(?:rate|label_replace)\((\w+)", text))
    assert read == {"cache_operations_total", "active_users"} & known

"""The guide of docs/add-a-metric.md, followed word for word."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.end_to_end.live import LiveService
from tests.end_to_end.sending import wait_for

PAGE = (Path(__file__).parents[2] / "docs" / "add-a-metric.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
(APPLICATION,) = [text for language, text in BLOCKS if language == "python"]
RULES, TEST = [text for language, text in BLOCKS if language == "yaml"]
CHECKS, TESTED, EXPLAIN, EXPLAINED, RELOAD, SCRAPED = [text for language, text in BLOCKS if language == ""]
QUERIES = [text.strip() for language, text in BLOCKS if language == "promql"]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "rules").mkdir()
    return tmp_path


@pytest.fixture
def shell(folder):
    """Runs lines of the guide in its folder, where `logweir` is the one under test."""
    command = folder / "bin" / "logweir"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m logweir_service "$@"\n')
    command.chmod(0o755)
    path = f"{command.parent}{os.pathsep}{os.environ['PATH']}"

    def run(script, **environment):
        environment = os.environ | environment | {"PATH": path, "TERM": "dumb"}
        ran = subprocess.run(
            ["sh", "-ec", script], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    return run


def write_rules(folder):
    (folder / "rules" / "coupons.yaml").write_text(RULES)
    (folder / "rules" / "coupons_test.yaml").write_text(TEST)


def test_rules_are_checked_tested_and_explained_as_the_guide_shows(folder, shell):
    write_rules(folder)
    assert shell(CHECKS).endswith(TESTED)
    assert shell(EXPLAIN) == EXPLAINED


def test_metric_is_there_after_a_signal_and_the_next_event(folder, shell):
    (folder / "rules" / "other.yaml").write_text("version: 1\n")
    with LiveService(folder / "data", "--rules", f"packs,{folder / 'rules'}") as live:
        settings = {"LOGWEIR_URL": live.url, "LOGWEIR_SERVICE": "shop", "ENVIRONMENT": "dev"}

        def coupons():
            return [
                line for line in live.get("/metrics").data.decode().splitlines() if line.startswith("coupon")
            ]

        (folder / "application.py").write_text(APPLICATION)
        application = f"{sys.executable} application.py"
        shell(application, **settings)
        assert coupons() == []
        write_rules(folder)
        shell(RELOAD)
        wait_for(lambda: any("coupons" in line or "rules" in line for line in live.log[2:]))
        shell(application, **settings)
        wait_for(lambda: bool(coupons()))
        assert sorted(coupons()) == sorted(SCRAPED.splitlines())
        assert live.stop() == 0


@pytest.mark.needs("promtool")
def test_queries_give_what_they_promise(folder):
    assert shutil.which("promtool")
    labels = '{service="shop",campaign="spring"}'
    test = {
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    {"series": f"coupons_redeemed_total{labels}", "values": "0+2x90"},
                    {"series": f"coupon_discount_eur_total{labels}", "values": "0+10x90"},
                ],
                "promql_expr_test": [
                    {
                        "expr": query,
                        "eval_time": "80m",
                        "exp_samples": [{"labels": '{campaign="spring"}', "value": value}],
                    }
                    for query, value in zip(QUERIES, (2, 5), strict=True)
                ],
            }
        ],
    }
    with (folder / "test.yaml").open("w") as file:
        YAML(typ="safe").dump(test, file)
    ran = subprocess.run(
        ["promtool", "test", "rules", "test.yaml"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr

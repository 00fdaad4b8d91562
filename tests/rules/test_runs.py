"""The tests of the packs and of the example, as ``logweir test`` runs them."""

from __future__ import annotations

import pytest

from logweir_service.rules import RuleSet
from logweir_service.ruletest import Case, Coverage, read_suites, run

from .tests_of_packs import FILES

SUITES = read_suites([str(file) for file in FILES])
CASES = [
    pytest.param(case, suite.rules, id=f"{suite.file.rpartition('/')[2]}: {case.name}")
    for suite in SUITES
    for case in suite.cases
]


@pytest.mark.parametrize(("case", "rules"), CASES)
def test_runs(case: Case, rules: RuleSet) -> None:
    assert run(case, rules, file="", coverage=Coverage()).failures == []


def test_every_rule_is_reached_by_one_of_them() -> None:
    coverage = Coverage()
    for suite in SUITES:
        for case in suite.cases:
            run(case, suite.rules, file=suite.file, coverage=coverage)
    assert coverage.missed == []

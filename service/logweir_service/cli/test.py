"""``logweir test``."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from logweir_service.ruletest import Coverage, Outcome, junit, read_suites, run

from .commands import Commands
from .outcome import FAILED


def add_to(commands: Commands) -> None:
    """Offer the command."""
    command = commands.add_parser("test", help="run tests of rules")
    command.add_argument("files", nargs="+", metavar="FILES_test.yaml", help="files of tests")
    command.add_argument("--junit", metavar="FILE", help="write the results there too, as JUnit XML")
    command.add_argument("--coverage", action="store_true", help="say which rules no test reaches")
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    coverage = Coverage()
    outcomes = []
    for suite in read_suites(options.files):
        for case in suite.cases:
            outcome = run(case, suite.rules, file=suite.file, coverage=coverage)
            print(*_lines(outcome), sep="\n")
            outcomes.append(outcome)
    failed = sum(bool(outcome.failures) for outcome in outcomes)
    tests = "1 test" if len(outcomes) == 1 else f"{len(outcomes)} tests"
    print(f"{failed} of {tests} failed" if failed else f"{tests} passed")
    if options.coverage:
        print(coverage)
    if options.junit:
        Path(options.junit).write_bytes(junit(outcomes))
    return FAILED if failed else 0


def _lines(outcome: Outcome) -> Iterator[str]:
    if not outcome.failures:
        yield f"ok    {outcome.file}: {outcome.case.name}"
        return
    yield f"FAIL  {outcome.case.place}: {outcome.case.name}"
    for failure in outcome.failures:
        yield f"      {failure.place}: {failure.title} (- expected, + is)"
        yield from (f"        {line}" for line in failure.lines)

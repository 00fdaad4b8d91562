"""``logweir check``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict

from logweir_service.errors import RulesError
from logweir_service.rules import RuleSet, WorstCase, load
from logweir_service.settings import read_settings

from .commands import Commands
from .outcome import FAILED


def add_to(commands: Commands) -> None:
    """Offer the command."""
    command = commands.add_parser("check", help="check rule files, and say how many series they may make")
    command.add_argument("rules", nargs="+", metavar="RULES", help="files, folders, or packs")
    command.add_argument("--json", action="store_true", help="all of it for programs, on one line")
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    try:
        rules = load(options.rules, pack_labels=read_settings().pack_label_names)
    except RulesError as error:
        if options.json:
            print(json.dumps({"problems": error.problems}))
        else:
            print(error, file=sys.stderr)
        return FAILED
    cases = {rule.name: WorstCase.of(rule) for rule in rules.metrics}
    print(json.dumps(_told(rules, cases)) if options.json else "\n".join(_lines(rules, cases)))
    return 0


def _told(rules: RuleSet, cases: Mapping[str, WorstCase]) -> dict[str, object]:
    return {
        "problems": [],
        "metrics": [
            {"name": rule.name, "type": rule.type, **asdict(cases[rule.name])} for rule in rules.metrics
        ],
        "total": {
            "series": sum(case.series for case in cases.values()),
            "samples": sum(case.samples for case in cases.values()),
        },
        "promote": [rule.name for rule in rules.promote],
        "not_applied": rules.not_applied,
    }


def _lines(rules: RuleSet, cases: Mapping[str, WorstCase]) -> Iterator[str]:
    rules_for = "rule" if len(rules.promote) == 1 else "rules"
    yield f"well-formed: {len(rules.metrics)} metrics, {len(rules.promote)} {rules_for} for promotion"
    if rules.not_applied:
        yield f"read, and not applied yet: {', '.join(rules.not_applied)}"
    if not cases:
        return
    width = max(map(len, cases))
    yield "at most, for each service:"
    yield f"{'series':>9}  {'samples':>9}  metric"
    for name, case in sorted(cases.items(), key=lambda each: (-each[1].samples, each[0])):
        yield f"{case.series:>9,}  {case.samples:>9,}  {name:{width}}  {_why(case)}".rstrip()
    series, samples = (sum(getattr(case, key) for case in cases.values()) for key in ("series", "samples"))
    yield f"{series:>9,}  {samples:>9,}  together"
    if any(case.unbounded for case in cases.values()):
        yield "* bounded by max_label_values alone"


def _why(case: WorstCase) -> str:
    """The labels that make it many, and what bounds them."""
    factors = [
        f"{name} {values:,}{'*' if name in case.unbounded else ''}"
        for name, values in case.labels.items()
        if values > 1
    ]
    made = " x ".join(factors)
    return f"{made}, cut at max_series" if case.combinations > case.series else made

"""Runs one test: events and expectations in the order of time."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from logweir_service.rules import RuleSet

from .coverage import Coverage
from .model import Case
from .scene import Scene
from .verdict import Failure, judge

_LOOK_SECONDS: Final = 60.0
"""The shortest life that a rule can give a series: before a longer pause it is noted what was reached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a test."""

    file: str
    case: Case
    failures: Sequence[Failure]
    """Empty where it has passed."""
    seconds: float
    """How long it took."""


def run(case: Case, rules: RuleSet, *, file: str, coverage: Coverage) -> Outcome:
    """Run a test from nothing; nobody sleeps."""
    began = time.perf_counter()
    coverage.know(rules)
    scene = Scene(rules)
    failures: list[Failure] = []
    waiting = [*case.expected]
    looked = 0.0
    for given in case.given:
        while waiting and waiting[0].at_seconds < given.at_seconds:
            failures += judge(waiting.pop(0), scene, rules, start=case.start)
        if given.at_seconds - looked >= _LOOK_SECONDS:
            coverage.reach(*scene.reached())
            looked = given.at_seconds
        scene.take(given, received=round(case.start + given.at_seconds, 6))
    for expectation in waiting:
        failures += judge(expectation, scene, rules, start=case.start)
    coverage.reach(*scene.reached())
    failures += _refusals(case, scene)
    return Outcome(file=file, case=case, failures=failures, seconds=time.perf_counter() - began)


def _refusals(case: Case, scene: Scene) -> list[Failure]:
    """Refused events are a failure of the test, unless they are expected."""
    found = Counter(rejection.code for _, rejection in scene.refused)
    if found == Counter(case.refused):
        return []
    lines = [f"- {code} {count}" for code, count in sorted(case.refused.items()) if found[code] != count]
    lines += [f"+ {code} {count}" for code, count in sorted(found.items()) if case.refused.get(code) != count]
    told = dict.fromkeys(
        f"{place}: {rejection.code}: {rejection.message}"
        for place, rejection in scene.refused
        if found[rejection.code] != case.refused.get(rejection.code)
    )
    return [Failure(place=case.place, title="refused events", lines=(*lines, *told))]

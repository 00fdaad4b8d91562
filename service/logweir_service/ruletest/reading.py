"""Reads files of tests, or says everything that is wrong with them and with the rules that they name."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from logweir_service.errors import RulesError
from logweir_service.rules import RuleSet, load
from logweir_service.rules.document import Node, Problems, read_yaml
from logweir_service.rules.files import read_text
from logweir_service.rules.section import Section

from .expecting import read_expectations
from .given import read_given
from .model import Case, Suite
from .moments import read_start

_KEYS: Final = ("rules", "tests")
_CASE_KEYS: Final = ("name", "start", "input", "input_file", "refused", "expect")


def read_suites(files: Sequence[str]) -> list[Suite]:
    """Read all files.

    Raises:
        RulesError: one of them cannot be used, or rules cannot; it tells of all problems.
    """
    problems = Problems()
    known: dict[tuple[str, ...], RuleSet | None] = {}

    def rules_of(sources: tuple[str, ...]) -> RuleSet | None:
        if sources not in known:
            known[sources] = _load(sources, problems)
        return known[sources]

    suites = [_suite(file, rules_of, problems) for file in files]
    if problems.found:
        raise RulesError(problems.found)
    return [suite for suite in suites if suite is not None]


def _load(sources: tuple[str, ...], problems: Problems) -> RuleSet | None:
    try:
        return load(sources)
    except RulesError as error:
        problems.found += [problem for problem in error.problems if problem not in problems.found]
    return None


def _suite(
    file: str, rules_of: Callable[[tuple[str, ...]], RuleSet | None], problems: Problems
) -> Suite | None:
    text = read_text(Path(file), problems)
    if text is None:
        return None
    root = read_yaml(file, text, problems)
    if root is None:
        return None
    section = Section(root, problems, what="a file of tests", keys=_KEYS)
    folder = Path(file).parent
    if not section.has("rules"):
        section.problem("rules", "'rules' is missing: the rule files or packs to test")
    sources = tuple(_source(folder, each) for each in section.texts("rules") if "\0" not in each)
    rules = rules_of(sources) if sources else None
    if not section.items("tests"):
        section.problem("tests", "'tests' is missing: a list of tests")
    cases = [_case(node, folder, rules, problems) for node in section.items("tests")]
    _refuse_same_names(cases, problems)
    return Suite(file=file, rules=rules or RuleSet(), cases=tuple(cases))


def _source(folder: Path, source: str) -> str:
    """A source of rules as seen from the file that names it."""
    beside = folder / source
    is_pack = source == "packs" or (source.startswith("packs/") and not os.path.lexists(beside))
    return source if is_pack else str(beside)


def _case(node: Node, folder: Path, rules: RuleSet | None, problems: Problems) -> Case:
    section = Section(node, problems, what="a test", keys=_CASE_KEYS)
    name = section.required("name")
    start, given = read_given(section, folder, read_start(section))
    if not given:
        section.problem("input", "nothing comes in: 'input' or 'input_file' is missing, or empty")
    refused = {code: _count(entry, code, problems) for code, entry in section.pairs("refused").items()}
    return Case(
        place=node.place,
        name=name,
        start=start,
        given=given,
        refused=refused,
        expected=read_expectations(section, rules),
    )


def _count(entry: Node, what: str, problems: Problems) -> int:
    if type(entry.value) is int and entry.value > 0:
        return entry.value
    problems.add(entry, f"'{what}' must be a whole number from 1 on")
    return 1


def _refuse_same_names(cases: Sequence[Case], problems: Problems) -> None:
    places: dict[str, str] = {}
    for case in cases:
        if case.name in places:
            problems.found.append(
                f"{case.place}: the test '{case.name}' stands at {places[case.name]} already"
            )
        places[case.name] = case.place

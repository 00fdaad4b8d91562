"""Reads what a test expects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, get_args

from logweir_service.derive.tally import SkipReason
from logweir_service.rules import RuleSet
from logweir_service.rules.document import Node, Problems
from logweir_service.rules.section import Section

from .model import Expectation
from .moments import read_at
from .promoted import KEYS, LISTS, TEXTS
from .samples import Sample, parse_line, sample_names

_KEYS: Final = ("at", "metrics", "absent", "promoted", "skipped")
_REASONS: Final = get_args(SkipReason)


def read_expectations(test: Section, rules: RuleSet | None) -> tuple[Expectation, ...]:
    """Read ``expect``, sorted by time; a name that none of the `rules` has is a problem."""
    nodes = test.items("expect")
    if not nodes:
        test.problem("expect", "nothing is expected: a test that cannot fail")
    found = [_expectation(node, rules, test.problems) for node in nodes]
    return tuple(sorted(found, key=lambda each: each.at_seconds))


def _expectation(node: Node, rules: RuleSet | None, problems: Problems) -> Expectation:
    section = Section(node, problems, what="an expectation", keys=_KEYS)
    if not section.has("at"):
        section.problem("at", "'at' is missing: when it must hold, such as 5s")
    if not any(section.has(key) for key in _KEYS[1:]):
        section.problem("at", "nothing is expected: " + ", ".join(_KEYS[1:]))
    return Expectation(
        place=node.place,
        at=section.entry("at").text,
        at_seconds=read_at(section, 0.0),
        samples=_samples(section, rules),
        absent=_absent(section, rules),
        promoted=_promoted(section, rules),
        skipped=_skipped(section, rules),
    )


def _samples(section: Section, rules: RuleSet | None) -> tuple[Sample, ...]:
    text = section.text("metrics")
    entry = section.entry("metrics")
    known = None if rules is None else [name for rule in rules.metrics for name in sample_names(rule)]
    found: dict[Any, Sample] = {}
    for number, line in enumerate(text.splitlines()):
        here = _line_of(entry, text, number)
        try:
            sample = parse_line(line)
        except ValueError as fault:
            section.problems.add(here, f"'{line.strip()}' {fault}")
            continue
        if sample is None:
            continue
        if (sample.name, sample.labels) in found:
            section.problems.add(here, f"'{sample}' stands here twice")
        found[sample.name, sample.labels] = sample
        _check_known("metric", sample.name, here, known, section.problems)
    if section.has("metrics") and not found:
        section.problem("metrics", "'metrics' names no sample; for a metric without any there is 'absent'")
    return tuple(found.values())


def _line_of(entry: Node, text: str, number: int) -> Node:
    """Where a line of a text stands; of several lines the first is below the key."""
    return Node(entry.file, entry.line + (number + 1 if "\n" in text else 0), None)


def _absent(section: Section, rules: RuleSet | None) -> tuple[str, ...]:
    names = section.texts("absent")
    for name in names:
        known = None if rules is None else [rule.name for rule in rules.metrics]
        _check_known("metric", name, section.entry("absent"), known, section.problems)
    return names


def _promoted(section: Section, rules: RuleSet | None) -> tuple[Mapping[str, Any], ...] | None:
    if not section.has("promoted"):
        return None
    return tuple(_promotion(node, rules, section.problems) for node in section.items("promoted"))


def _promotion(node: Node, rules: RuleSet | None, problems: Problems) -> Mapping[str, Any]:
    section = Section(node, problems, what="a promotion", keys=KEYS)
    asked: dict[str, Any] = {}
    for key in KEYS:
        if not section.has(key):
            continue
        value = section.entry(key).value
        if key in TEXTS:
            asked[key] = None if value is None else _text(section, key)
        elif key in LISTS:
            asked[key] = () if value == () else section.texts(key)
        else:
            asked[key] = {name: entry.text for name, entry in section.pairs(key).items()}
    if "rule" in asked:
        known = None if rules is None else [rule.name for rule in rules.promote]
        _check_known("promote rule", str(asked["rule"]), section.entry("rule"), known, problems)
    return asked


def _text(section: Section, key: str) -> str:
    """A scalar as it was written."""
    entry = section.entry(key)
    if isinstance(entry.value, dict | tuple):
        section.problem(key, f"'{key}' must be a text")
    return entry.text


def _skipped(section: Section, rules: RuleSet | None) -> Mapping[str, Mapping[str, int]] | None:
    if not section.has("skipped"):
        return None
    known = None if rules is None else [rule.name for rule in rules.metrics]
    found: dict[str, dict[str, int]] = {}
    for name, node in section.pairs("skipped").items():
        _check_known("metric", name, node, known, section.problems)
        reasons = Section(node, section.problems, what="'skipped' of a metric", keys=_REASONS)
        found[name] = {
            reason: reasons.whole(reason, 0, least=0, most=2**53)
            for reason in _REASONS
            if reasons.has(reason)
        }
    return found


def _check_known(what: str, name: str, node: Node, known: Iterable[str] | None, problems: Problems) -> None:
    if known is None:
        return
    known = [*known]
    if name not in known:
        problems.add(
            node,
            f"no rule makes the {what} '{name}'" if what == "metric" else f"there is no {what} '{name}'",
            word=name,
            known=known,
        )

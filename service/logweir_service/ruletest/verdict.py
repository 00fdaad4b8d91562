"""Compares what was expected of a moment with what there is."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import TypeAlias

from logweir_service.rules import MetricRule, RuleSet

from .model import Expectation
from .promoted import differences
from .samples import Sample, sample_names
from .scene import Scene

_Key: TypeAlias = tuple[str, tuple[tuple[str, str], ...]]
"""Name and labels of a sample."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One thing that is not as expected: ``-`` before what was expected, ``+`` before what there is."""

    place: str
    title: str
    lines: tuple[str, ...]


def judge(expected: Expectation, scene: Scene, rules: RuleSet, *, start: float) -> Iterator[Failure]:
    """Tell everything that is not as expected at this moment."""
    now = round(start + expected.at_seconds, 6)
    found = [*scene.samples(now)]
    initial = _shown_by_init(found, rules)
    found_by = {
        "metrics": _told([*_differing(expected, found, initial, rules)], scene, rules),
        "absent": _absent(expected, [sample for sample in found if _key(sample) not in initial], rules),
        "promoted": differences(expected.promoted, scene, now=now),
        "skipped": _skipped(expected.skipped, scene.skipped),
    }
    for what, lines in found_by.items():
        if lines:
            yield Failure(place=expected.place, title=f"{what} at {expected.at}", lines=tuple(lines))


def _shown_by_init(samples: Sequence[Sample], rules: RuleSet) -> set[_Key]:
    """The samples of series that only `init` has made so far: nobody need expect them."""
    owners = {name: rule for rule in rules.metrics if rule.init for name in sample_names(rule)}
    ours = [(sample, owners[sample.name]) for sample in samples if sample.name in owners]
    counted = {
        (rule.name, _series(sample)) for sample, rule in ours if sample.value or not _of_init(sample, rule)
    }
    return {_key(sample) for sample, rule in ours if (rule.name, _series(sample)) not in counted}


def _of_init(sample: Sample, rule: MetricRule) -> bool:
    labels = dict(sample.labels)
    return all(labels.get(name) in texts for name, texts in rule.init)


def _series(sample: Sample) -> tuple[tuple[str, str], ...]:
    """The labels that all samples of a series share."""
    return tuple(pair for pair in sample.labels if pair[0] != "le")


def _key(sample: Sample) -> _Key:
    return sample.name, sample.labels


def _differing(
    expected: Expectation, found: Sequence[Sample], initial: Set[_Key], rules: RuleSet
) -> Iterator[tuple[Sample | None, Sample | None]]:
    """What was expected and what there is, of each sample in which they differ."""
    windows = {rule.name for rule in rules.metrics if rule.distinct is not None}
    asked = {_asked_by(sample, windows) for sample in expected.samples}
    wanted = {_key(sample): sample for sample in expected.samples}
    there = {_key(sample): sample for sample in found if _asked_by(sample, windows) in asked}
    for key in sorted({*wanted, *there.keys() - initial}, key=_in_order):
        want, got = wanted.get(key), there.get(key)
        if want is None or got is None or not want.same_value(got):
            yield want, got


def _told(
    differing: Sequence[tuple[Sample | None, Sample | None]], scene: Scene, rules: RuleSet
) -> list[str]:
    lines = [
        f"{sign} {sample}"
        for want, got in differing
        for sign, sample in (("-", want), ("+", got))
        if sample is not None
    ]
    names = {sample.name for pair in differing for sample in pair if sample is not None}
    metrics = [rule.name for rule in rules.metrics if names.intersection(sample_names(rule))]
    return [*lines, *_notes(metrics, scene)]


def _asked_by(sample: Sample, windows: Set[str]) -> tuple[str, str | None]:
    """What a sample asks about: its name, in one bucket of a histogram, in one window of distinct values."""
    return sample.name, dict(sample.labels).get("window" if sample.name in windows else "le")


def _in_order(key: _Key) -> tuple[object, ...]:
    """By name and labels; buckets by their bound, behind the rest of their labels."""
    name, labels = key
    bound = dict(labels).get("le", "0")
    rest = [pair for pair in labels if pair[0] != "le"]
    return name, rest, float(bound) if bound.replace(".", "").isdigit() else float("inf")


def _notes(metrics: Collection[str], scene: Scene) -> list[str]:
    """What may explain a difference: events that these have skipped or put beyond a budget."""
    skipped = [
        f"  {rule} has skipped {count}: {reason}"
        for (rule, reason), count in sorted(scene.skipped.items())
        if rule in metrics
    ]
    return skipped + [
        f"  {metric} had no room for {count} of {service}: label {label or 'any'}"
        for (metric, label, service), count in sorted(scene.overflowed.items())
        if metric in metrics
    ]


def _absent(expected: Expectation, found: Sequence[Sample], rules: RuleSet) -> list[str]:
    unwanted = {name for rule in rules.metrics if rule.name in expected.absent for name in sample_names(rule)}
    return [f"+ {sample}" for sample in found if sample.name in unwanted]


def _skipped(
    expected: Mapping[str, Mapping[str, int]] | None, found: Mapping[tuple[str, str], int]
) -> list[str]:
    lines = []
    for rule, reasons in sorted((expected or {}).items()):
        there = {reason: count for (name, reason), count in found.items() if name == rule}
        for reason in sorted({*reasons, *there}):
            want, got = reasons.get(reason, 0), there.get(reason, 0)
            lines += [] if want == got else [f"- {rule} {reason} {want}", f"+ {rule} {reason} {got}"]
    return lines

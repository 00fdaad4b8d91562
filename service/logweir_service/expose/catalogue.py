"""Every metric that there can be, and the rule that makes it; and the other rules in force."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from logweir_service.rules import Excerpt, LabelRule, MetricRule, RuleSet, excerpts

from .promql import query_for, unit_of


@dataclass(frozen=True, slots=True)
class Source:
    """Where a rule stands, and what it says."""

    file: str
    line: int
    yaml: str


@dataclass(frozen=True, slots=True)
class Label:
    """A label, and what its text is made of."""

    name: str
    made_of: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One metric."""

    name: str
    """As it is exposed, with the prefix of the settings."""
    type: str
    help: str
    unit: str
    events: tuple[str, ...]
    """Names or globs of the events that feed it."""
    labels: tuple[Label, ...]
    series: int
    """How many there are now."""
    max_series: int
    """How many a service may have of it."""
    query: str
    """PromQL to begin with."""
    source: Source | None

    def mentions(self, words: list[str]) -> bool:
        """Whether all `words`, in lower case, are found in what is told of it."""
        told = [self.name, self.type, self.help, *self.events]
        told += [each for label in self.labels for each in (label.name, label.made_of)]
        text = " ".join(told).lower()
        return all(word in text for word in words)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that makes no metric."""

    section: str
    """``promote``, ``store`` or ``scrub``."""
    name: str
    source: Source


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All of them, in the order of the files."""

    metrics: tuple[Entry, ...]
    rules: tuple[Rule, ...]

    def only(self, words: str, kind: str = "") -> Catalogue:
        """The metrics that mention all of some words, of this type if one is said."""
        wanted = words.lower().split()
        return Catalogue(
            tuple(each for each in self.metrics if kind in ("", each.type) and each.mentions(wanted)),
            self.rules,
        )


TYPES: Final = ("counter", "gauge", "histogram")


class Cataloguer:
    """Makes catalogues, and reads the files of a set of rules once."""

    def __init__(self, *, prefix: str = "") -> None:
        self._prefix = prefix
        self._read: tuple[RuleSet, list[Excerpt]] | None = None

    def __call__(self, rules: RuleSet, series: Mapping[str, int]) -> Catalogue:
        """What `rules` make, with the number of `series` now, by the names in the rules."""
        if self._read is None or self._read[0] is not rules:
            self._read = rules, excerpts(rules.sources)
        found = self._read[1]
        texts = {each.name: each for each in found if each.section == "metrics"}
        return Catalogue(
            tuple(
                _entry(rule, series.get(rule.name, 0), self._prefix, texts.get(rule.name))
                for rule in rules.metrics
            ),
            tuple(
                Rule(each.section, each.name, _source(each)) for each in found if each.section != "metrics"
            ),
        )


def _entry(rule: MetricRule, series: int, prefix: str, text: Excerpt | None) -> Entry:
    name = prefix + rule.name
    labels = [Label(label.name, _made_of(rule, label)) for label in rule.labels]
    if rule.distinct is not None:
        windows = ", ".join(window for window, _ in rule.distinct.windows)
        labels.append(Label("window", f"one of {windows}"))
    return Entry(
        name=name,
        type=rule.type,
        help=rule.help,
        unit=unit_of(rule),
        events=rule.events,
        labels=tuple(labels),
        series=series,
        max_series=rule.max_series,
        query=query_for(rule, name),
        source=None if text is None else _source(text),
    )


def _made_of(rule: MetricRule, label: LabelRule) -> str:
    if label.name == rule.by:
        return f"one of {', '.join(part for part, _ in rule.parts)}"
    if label.constant is not None:
        return f"always {label.constant}"
    made = " or ".join(label.fields)
    return f"{made}; one of {', '.join(sorted(label.allow))}" if label.allow else made


def _source(each: Excerpt) -> Source:
    return Source(each.file, each.line, each.text)

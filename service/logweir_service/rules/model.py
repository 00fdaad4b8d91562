"""What a rule is once it is read: frozen, checked, ready to be compiled or asked."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from logweir_service.event import Event

from .expression import FAULTS, Predicate

SCRUB_PATTERNS: Final = ("card", "jwt", "bearer", "email")

MetricType = Literal["counter", "gauge", "histogram"]
"""How a metric is exposed; one of distinct values is a gauge."""

Across = Literal["sum", "max", "min"]
"""How the values of a service's instances become one."""

INSTANCE: Final = "service_instance_id"
"""The field that tells two processes of one service apart."""

GAUGE_EXPIRE_SECONDS: Final = 300.0
"""How long a gauge is shown after it was set, where its rule says nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRule:
    """How one label's text is made of an event: the first field present wins, else `default`."""

    name: str
    fields: tuple[str, ...] = ()
    constant: str | None = None
    default: str = "unknown"
    lower: bool = False
    map: tuple[tuple[str, str], ...] | None = None
    """Globs and the texts they give, in order; a text that none takes becomes `other`."""
    allow: frozenset[str] | None = None
    """The only texts let through; all others become `other`."""
    other: str = "other"
    truncate: int = 200
    """Characters kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueRule:
    """Where a number comes from, and how it becomes the unit in the metric's name."""

    field: str
    multiply: float = 1.0
    divide: float = 1.0
    cumulative: bool = False
    """The field counts up by itself, in each instance, and begins at 0 again with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairRule:
    """What is going on between two events: from its start to its end, known by a key."""

    start: tuple[str, ...]
    """Names or globs."""
    end: tuple[str, ...]
    key: str
    """The field that both events share; within one service."""
    timeout_seconds: float
    """After which the end is not waited for any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DistinctRule:
    """How many different values a field had within windows of time."""

    field: str
    windows: tuple[tuple[str, float], ...]
    """Text of the label ``window``, and seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricRule:
    """One metric: which events feed it, with what value, under which labels, within which budget."""

    name: str
    type: MetricType
    help: str
    events: tuple[str, ...]
    """Names or globs; ``*`` crosses dots."""
    when: Predicate | None = None
    value: ValueRule | None = None
    """None counts events."""
    by: str | None = None
    """The label that tells the `parts` apart; it stands among `labels` as an empty constant."""
    parts: tuple[tuple[str, ValueRule], ...] = ()
    """Texts of that label, and where the value of each comes from, where an event holds several."""
    across: Across | None = None
    """Of a gauge: None has one series per instance."""
    pair: PairRule | None = None
    distinct: DistinctRule | None = None
    once: str | None = None
    """A field of which each value counts once; events without it all count."""
    labels: tuple[LabelRule, ...] = ()
    buckets: tuple[float, ...] = ()
    """Upper bounds of a histogram, ascending, without infinity."""
    max_series: int = 2000
    """Per metric and service."""
    max_label_values: int = 200
    """Per label, metric and service."""
    exemplar: bool = True
    """Whether samples point at the correlation id of an event that made them."""
    expire_seconds: float | None = None
    """A series goes so long after its last event; None keeps it."""
    birth_zero: bool = False
    """Whether a new series shows 0 for its first minute, so that its first event is an increase."""
    init: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Label and texts: the product is shown as 0 once a service is seen."""

    def counts_like(self, other: MetricRule) -> bool:
        """Whether both make the same numbers of the same events; what is shown or kept may differ."""
        return self == replace(
            other,
            help=self.help,
            max_series=self.max_series,
            max_label_values=self.max_label_values,
            exemplar=self.exemplar,
            init=self.init,
            birth_zero=self.birth_zero,
            expire_seconds=self.expire_seconds,
        )

    @property
    def fields(self) -> frozenset[str]:
        """Every event field it reads."""
        found = self.used_fields.union(*(label.fields for label in self.labels))
        if self.pair is not None:
            found |= {self.pair.key}
        return found | {INSTANCE} if self.per_instance else found

    @property
    def used_fields(self) -> frozenset[str]:
        """The event fields read by its condition and for its value."""
        used = set(self.when.fields) if self.when is not None else set()
        used.update(value.field for value in (self.value, *(each for _, each in self.parts)) if value)
        if self.distinct is not None:
            used.add(self.distinct.field)
        if self.once is not None:
            used.add(self.once)
        return frozenset(used)

    @property
    def per_instance(self) -> bool:
        """Whether it keeps something of each instance beside its series."""
        values = (self.value, *(each for _, each in self.parts))
        return self.across is not None or any(each.cumulative for each in values if each is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class BreadcrumbsRule:
    """Which earlier events of its correlation id are told with an error."""

    last: int = 50
    within_seconds: float = 600.0
    grace_seconds: float = 2.0
    """How long to wait for events of other services that are still on their way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """How many events of one fingerprint or stack are sent."""

    burst: int = 10
    per_minute: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PromoteRule:
    """Which events become issues, and how they look there."""

    name: str
    when: Predicate
    unless: Predicate | None
    fingerprint: tuple[str, ...] = ("event", "error_type")
    """Fields; for events without frames, which Sentry groups better by itself."""
    force_fingerprint: bool = False
    user: tuple[tuple[str, str], ...] = (("id", "user_id"),)
    """Key of Sentry's user, and the field it is taken from."""
    tags: tuple[str, ...] = ("service", "environment", "service_version", "correlation_id", "http_route")
    breadcrumbs: BreadcrumbsRule = BreadcrumbsRule()
    rate_limit: RateLimit = RateLimit()
    sample_rate: float = 1.0

    def takes(self, event: Event) -> bool:
        """Whether to promote the event: a failing `when` is no, a failing `unless` suppresses nothing."""
        try:
            if not self.when(event):
                return False
        except FAULTS:
            return False
        try:
            return self.unless is None or not self.unless(event)
        except FAULTS:
            return True


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreRule:
    """How long or how much of what is counted is kept when a segment is compacted.

    The first rule that takes an event decides. Errors and their stories stay whatever it says.
    """

    events: tuple[str, ...]
    levels: tuple[str, ...] = ()
    """Empty means every level."""
    keep: float = 1.0
    """The share of stories kept; 0 is never."""
    keep_seconds: float = math.inf
    """How long after receipt they are kept."""

    @property
    def name(self) -> str:
        """What it takes, in few words: ``cache.*``, or ``* debug``."""
        return " ".join(",".join(each) for each in (self.events, self.levels) if each)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScrubRule:
    """What is taken out of events before they are stored, beside what always is."""

    keys: tuple[str, ...] = ()
    """Each matches keys that hold its words one after the other."""
    patterns: tuple[str, ...] = ()
    """Of `SCRUB_PATTERNS`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSource:
    """A file of rules as it was read."""

    name: str
    text: str
    is_pack: bool
    """Whether the service brought it, so that the labels of the packs are meant for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet:
    """A whole set of rules, read and checked together. Where its texts stood does not make it another one."""

    metrics: tuple[MetricRule, ...] = ()
    promote: tuple[PromoteRule, ...] = ()
    store: tuple[StoreRule, ...] = ()
    scrub: tuple[ScrubRule, ...] = ()
    not_applied: tuple[str, ...] = ()
    """Keys that stand in its files and were read, but that this version does nothing with."""
    sources: tuple[RuleSource, ...] = field(default=(), compare=False, repr=False)
    """The files it was read from, in order."""
    pack_labels: tuple[str, ...] | None = field(default=None, compare=False)
    """The labels that took the place of those that the packs put on every metric."""

    @property
    def fields(self) -> frozenset[str]:
        """Every event field that metrics are made of; what promotion shows is read from the journal."""
        return frozenset().union(*(metric.fields for metric in self.metrics))

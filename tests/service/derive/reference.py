"""The meaning of rules in the plainest code: what the generated code must agree with, sample by sample."""

from __future__ import annotations

import fnmatch
import itertools
import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from logweir_service.event import Event, attribute
from logweir_service.rules import LabelRule, MetricRule
from logweir_service.rules.expression import FAULTS, SCOPE

Labels = tuple[tuple[str, str], ...]
Samples = dict[tuple[str, Labels], float]

OTHER = "__other__"


class Unusable(Exception):
    """The event is skipped for this rule."""


class Reference:
    """One metric: the numbers that its rule makes of events."""

    def __init__(self, rule: MetricRule) -> None:
        self.rule = rule
        self.skipped: dict[str, int] = defaultdict(int)
        self.overflowed: dict[tuple[str, str], int] = defaultdict(int)
        self.values: dict[Labels, Any] = {}
        self._per_service: dict[str, int] = defaultdict(int)
        self._texts: dict[tuple[str, str], set[str]] = defaultdict(set)

    def begin(self, received: float) -> None:
        """A batch was committed: a gauge set after it was set by a wrong clock."""
        if self.rule.type == "gauge":
            self.values = {
                labels: (value, seconds if seconds <= received else -math.inf)
                for labels, (value, seconds) in self.values.items()
            }

    def take(self, event: Event, received: float) -> None:
        if not any(fnmatch.fnmatchcase(event.event, pattern) for pattern in self.rule.events):
            return
        try:
            if not self._meets(event):
                return
            value = self._value(event)
            self._check_age(event, received)
            labels = self._admitted(self._labels(event), event.service)
        except Unusable as reason:
            self.skipped[str(reason)] += 1
            return
        if self.rule.type == "counter":
            self.values[labels] = self.values.get(labels, 0) + value
        elif self.rule.type == "histogram":
            self.values.setdefault(labels, []).append(value)
        else:
            self._set(labels, value, event.timestamp.timestamp(), received)

    def _meets(self, event: Event) -> bool:
        if self.rule.when is None:
            return True
        settled = self.rule.when.source({"level": event.level, "event": event.event})
        try:
            return bool(eval(settled, {**SCOPE, "e": event})) if isinstance(settled, str) else settled
        except FAULTS:
            raise Unusable("expression") from None

    def _value(self, event: Event) -> float:
        if self.rule.value is None:
            return 1
        value = getattr(event, attribute(self.rule.value.field))
        if value is None:
            raise Unusable("missing_value")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Unusable("value_type")
        try:
            number = float(value) * self.rule.value.multiply / self.rule.value.divide
        except OverflowError:
            raise Unusable("not_finite") from None
        if not math.isfinite(number):
            raise Unusable("not_finite")
        grows = self.rule.type == "counter" or (self.rule.type == "histogram" and self.rule.buckets[0] >= 0)
        if number < 0 and grows:
            raise Unusable("negative")
        return number

    def _check_age(self, event: Event, received: float) -> None:
        if self.rule.type == "gauge" and event.timestamp.timestamp() <= received - 300:
            raise Unusable("late")

    def _set(self, labels: Labels, value: float, timestamp: float, received: float) -> None:
        _, newest = self.values.get(labels, (0.0, -math.inf))
        if timestamp > newest:
            self.values[labels] = (value, min(timestamp, received))
        else:
            self.skipped["late"] += 1

    def _labels(self, event: Event) -> Labels:
        return tuple((label.name, self._text(label, event)) for label in self.rule.labels)

    def _text(self, label: LabelRule, event: Event) -> str:
        if label.constant is not None:
            return label.constant
        values = [getattr(event, attribute(field)) for field in label.fields]
        present = [value for value in values if value is not None]
        if not present:
            return label.default
        value = present[0]
        if isinstance(value, list | dict) or (isinstance(value, int) and abs(value) >= 2**64):
            raise Unusable("label_type")
        text = (
            value
            if isinstance(value, str)
            else {True: "true", False: "false"}[value]
            if isinstance(value, bool)
            else repr(value)
        )
        text = text[:200].replace("\0", "\ufffd")
        if label.lower:
            text = text.lower()
        if label.map is not None:
            text = next((to for glob, to in label.map if fnmatch.fnmatchcase(text, glob)), label.other)
        if label.allow is not None and text not in label.allow:
            text = label.other
        return text[: label.truncate]

    def _admitted(self, labels: Labels, service: str) -> Labels:
        if labels in self.values:
            return labels
        culprit = None
        for name, text in labels:
            seen = self._texts[service, name]
            if culprit is None and text not in seen and len(seen) >= self.rule.max_label_values:
                culprit = name
        if culprit is None and self._per_service[service] >= self.rule.max_series:
            culprit = max(
                [name for name, _ in labels], key=lambda name: len(self._texts[service, name]), default=""
            )
        if culprit is None:
            self._per_service[service] += 1
            for name, text in labels:
                self._texts[service, name].add(text)
            return labels
        self.overflowed[culprit, service] += 1
        kept = []
        for name, text in labels:
            seen = self._texts[service, name]
            fits = name in ("service", "environment") and (
                text in seen or len(seen) < self.rule.max_label_values
            )
            if fits:
                seen.add(text)
            kept.append((name, text if fits else OTHER))
        return tuple(kept)

    def samples(self) -> Samples:
        samples: Samples = {}
        for labels, value in self.values.items():
            if self.rule.type == "counter":
                samples[self.rule.name, labels] = value
            elif self.rule.type == "gauge":
                samples[self.rule.name, labels] = value[0]
            else:
                samples |= self._histogram(labels, value)
        return samples

    def _histogram(self, labels: Labels, values: Sequence[float]) -> Samples:
        name = self.rule.name
        bounds = [*self.rule.buckets, math.inf]
        buckets = {
            (f"{name}_bucket", (*labels, ("le", "+Inf" if bound == math.inf else repr(bound)))): float(
                sum(value <= bound for value in values)
            )
            for bound in bounds
        }
        total = list(itertools.accumulate(values, initial=0.0))[-1]
        return {**buckets, (f"{name}_sum", labels): total, (f"{name}_count", labels): float(len(values))}

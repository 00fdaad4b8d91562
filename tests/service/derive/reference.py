"""The meaning of rules in the plainest code: what the generated code must agree with, sample by sample."""

from __future__ import annotations

import fnmatch
import itertools
import math
import sys
from collections import defaultdict
from collections.abc import Sequence
from copy import copy
from dataclasses import replace
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
        self.optional = False
        """Whether an event without the value is none of the rule's."""
        self.skipped: dict[str, int] = defaultdict(int)
        self.overflowed: dict[tuple[str, str], int] = defaultdict(int)
        self.values: dict[Labels, Any] = {}
        self.heard: dict[Labels, float] = {}
        """When the last event of each series was received."""
        self.counted: dict[tuple[str, Any], float] = {}
        """When each value of `once` was counted, by service."""
        self._owners: dict[Labels, str] = {}
        self._per_service: dict[str, int] = defaultdict(int)
        self._texts: dict[tuple[str, str], set[str]] = defaultdict(set)

    def begin(self, received: float) -> None:
        """A batch was committed: a gauge set after it was set by a wrong clock."""
        for labels, heard in self.heard.items():
            self.heard[labels] = min(heard, received)
        if self.rule.across is not None:
            for instances in self.values.values():
                for name, (value, at, heard) in instances.items():
                    instances[name] = (value, at if at <= received else -math.inf, min(heard, received))
        elif self.rule.type == "gauge" and self.rule.distinct is None:
            for labels, (value, seconds) in self.values.items():
                self.values[labels] = (value, seconds if seconds <= received else -math.inf)

    def expire(self, received: float) -> None:
        """What is looked for every 15 seconds."""
        for key in [key for key, at in self.counted.items() if received - at > 600]:
            del self.counted[key]
        if self.rule.expire_seconds is None:
            return
        for labels in [each for each, at in self.heard.items() if at < received - self.rule.expire_seconds]:
            del self.values[labels], self.heard[labels]
            self._owners.pop(labels, None)
            self._recount()
        if self.rule.across is not None:
            for instances in self.values.values():
                for name in [
                    each for each, (_, _, at) in instances.items() if at < received - self.rule.expire_seconds
                ]:
                    del instances[name]

    def _recount(self) -> None:
        self._per_service.clear()
        self._texts.clear()
        for labels, service in self._owners.items():
            self._per_service[service] += 1
            for name, text in labels:
                self._texts[service, name].add(text)

    def take(self, event: Event, received: float) -> None:
        if not any(fnmatch.fnmatchcase(event.event, pattern) for pattern in self.rule.events):
            return
        if not self.rule.parts:
            self._take(event, received)
        for text, value in self.rule.parts:
            labels = tuple(
                replace(label, constant=text) if label.name == self.rule.by else label
                for label in self.rule.labels
            )
            part = copy(self)  # it shares what is counted
            part.rule = replace(self.rule, value=value, labels=labels, parts=())
            part.optional = True
            part._take(event, received)

    def _take(self, event: Event, received: float) -> None:
        try:
            if not self._meets(event):
                return
            if self.rule.distinct is not None and self._of(event) is None:
                return
            if not self._is_first(event, received):
                return
            if self.optional and self._raw(event) is None:
                return
            value = self._value(event)
            if self.rule.distinct is None:
                self._check_age(event, received)
            labels = self._admitted(self._labels(event), event.service)
        except Unusable as reason:
            self.skipped[str(reason)] += 1
            return
        self._add(labels, event, value, received)

    def _add(self, labels: Labels, event: Event, value: Any, received: float) -> None:
        self.heard.setdefault(labels, received)
        instance = getattr(event, "service_instance_id", None)
        instance = instance if isinstance(instance, str) else ""
        at = event.timestamp.timestamp()
        if self.rule.distinct is not None:
            self.values.setdefault(labels, []).append((str(value), received))
        elif self.rule.across is not None:
            known = self.values.setdefault(labels, {})
            if instance in known and at <= known[instance][1]:
                self.skipped["late"] += 1
                return
            known[instance] = (value, min(at, received), received)
        elif self.rule.value is not None and self.rule.value.cumulative:
            known = self.values.setdefault(labels, {})
            before = known.get(instance, [])
            if before and at < before[-1][1]:
                self.skipped["late"] += 1
                return
            known[instance] = [*before, (value, at)]
        elif self.rule.type == "counter":
            self.values[labels] = self.values.get(labels, 0) + value
        elif self.rule.type == "histogram":
            self.values.setdefault(labels, []).append(value)
        elif not self._set(labels, value, at, received):
            return
        self.heard[labels] = received

    def _is_first(self, event: Event, received: float) -> bool:
        value = None if self.rule.once is None else getattr(event, attribute(self.rule.once))
        if not isinstance(value, str | int):
            return True
        before = self.counted.get((event.service, value))
        if before is not None and received - before <= 600:
            return False
        self.counted[event.service, value] = received
        return True

    def _of(self, event: Event) -> Any:
        assert self.rule.distinct is not None
        return getattr(event, attribute(self.rule.distinct.field))

    def _meets(self, event: Event) -> bool:
        if self.rule.when is None:
            return True
        settled = self.rule.when.source({"level": event.level, "event": event.event})
        try:
            return bool(eval(settled, {**SCOPE, "e": event})) if isinstance(settled, str) else settled
        except FAULTS:
            raise Unusable("expression") from None

    def _raw(self, event: Event) -> Any:
        assert self.rule.value is not None
        return getattr(event, attribute(self.rule.value.field))

    def _value(self, event: Event) -> Any:
        if self.rule.distinct is not None:
            if type(self._of(event)) not in (str, int):
                raise Unusable("value_type")
            return self._of(event)
        if self.rule.value is None:
            return 1
        value = self._raw(event)
        if value is None:
            raise Unusable("missing_value")
        if isinstance(value, bool) and self.rule.type == "gauge":
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Unusable("value_type")
        try:
            number = float(value) * self.rule.value.multiply / self.rule.value.divide
        except OverflowError:
            raise Unusable("not_finite") from None
        if not abs(number) <= sys.float_info.max / 2**53:
            raise Unusable("not_finite")
        grows = self.rule.type == "counter" or (self.rule.type == "histogram" and self.rule.buckets[0] >= 0)
        if number < 0 and grows:
            raise Unusable("negative")
        return number

    def _check_age(self, event: Event, received: float) -> None:
        if self.rule.type == "gauge" and event.timestamp.timestamp() <= received - 300:
            raise Unusable("late")

    def _set(self, labels: Labels, value: float, timestamp: float, received: float) -> bool:
        _, newest = self.values.get(labels, (0.0, -math.inf))
        if timestamp <= newest:
            self.skipped["late"] += 1
            return False
        self.values[labels] = (value, min(timestamp, received))
        return True

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
            self._owners[labels] = service
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

    def samples(self, now: float) -> Samples:
        samples: Samples = {}
        oldest = -math.inf if self.rule.expire_seconds is None else now - self.rule.expire_seconds
        for labels, value in self.values.items():
            if self.heard[labels] < oldest:
                continue
            if self.rule.distinct is not None:
                samples |= self._distinct(labels, value, now)
            elif self.rule.across is not None:
                live = [each for each, _, received in value.values() if received >= oldest]
                if live:
                    fold = {"sum": sum, "max": max, "min": min}[self.rule.across]
                    samples[self.rule.name, labels] = fold(live)  # type: ignore[operator]
            elif self._is_cumulative():
                samples[self.rule.name, labels] = _growth(value)
            elif self.rule.type == "counter":
                samples[self.rule.name, labels] = value
            elif self.rule.type == "gauge":
                samples[self.rule.name, labels] = value[0]
            else:
                samples |= self._histogram(labels, value)
        return samples

    def _is_cumulative(self) -> bool:
        values = [self.rule.value, *(value for _, value in self.rule.parts)]
        return any(value is not None and value.cumulative for value in values)

    def _distinct(self, labels: Labels, taken: Sequence[tuple[str, float]], now: float) -> Samples:
        """Exact, as a sketch is as long as there are few."""
        assert self.rule.distinct is not None
        samples: Samples = {}
        for name, seconds in self.rule.distinct.windows:
            width = seconds / {3600.0: 12, 86_400.0: 24, 604_800.0: 28}.get(seconds, 24)
            first = now // width - seconds / width
            kept = {value for value, received in taken if received // width > first}
            samples[self.rule.name, (*labels, ("window", name))] = float(len(kept))
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


def _growth(instances: dict[str, list[tuple[float, float]]]) -> float:
    """The sum of what each instance's totals grew by; one that shrank began at 0 again."""
    grown = 0.0
    for totals in instances.values():
        before = 0.0
        for total, _ in totals:
            grown += total - before if total >= before else total
            before = total
    return grown

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from logweir_service.derive import Derivation
from logweir_service.derive.derivation import EXPIRE_SECONDS
from logweir_service.rules import MetricRule, RuleSet

from .reference import Reference, Samples
from .strategies import NOW, batches_of_events, decoded, rule_tuples


def exposed(derivation: Derivation, rules: Sequence[MetricRule], *, now: float) -> Samples:
    order = {rule.name: [label.name for label in rule.labels] for rule in rules}
    samples: Samples = {}
    for family in text_string_to_metric_families(derivation.expose(openmetrics=False, now=now).decode()):
        for sample in family.samples:
            names = order.get(sample.name) or order.get(sample.name.rpartition("_")[0], [])
            names = [*names, *(each for each in ("le", "window") if each in sample.labels)]
            samples[sample.name, tuple((name, sample.labels[name]) for name in names)] = sample.value
    return samples


@settings(max_examples=250, deadline=None)
@given(
    rules=rule_tuples,
    batches=batches_of_events,
    steps=st.lists(st.sampled_from([0, 1, 1, 250, 700, -20, -90_000]), min_size=3, max_size=3),
    later=st.sampled_from([0, 0, 301, 4000]),
)
def test_generated_code_agrees_with_the_plain_interpreter(
    rules: tuple[MetricRule, ...], batches: list[list[dict[str, Any]]], steps: list[int], later: int
) -> None:
    derivation = Derivation(RuleSet(metrics=rules))
    references = [Reference(rule) for rule in rules]
    received = NOW.timestamp()
    expired = -math.inf
    for batch, step in zip(batches, steps, strict=False):
        received += step
        derivation.apply(decoded(batch), received)
        look = not expired <= received < expired + EXPIRE_SECONDS
        expired = received if look else expired
        for reference in references:
            reference.begin(received)
            if look:
                reference.expire(received)
        for event in decoded(batch):
            for reference in references:
                reference.take(event, received)
    expected: Samples = {}
    for reference in references:
        expected |= reference.samples(received + later)
    assert exposed(derivation, rules, now=received + later) == expected
    skipped = {(r.rule.name, reason): n for r in references for reason, n in r.skipped.items()}
    assert derivation.skipped == skipped
    overflowed = {(r.rule.name, *key): n for r in references for key, n in r.overflowed.items()}
    assert derivation.overflowed == overflowed
    assert derivation.series == sum(len(reference.values) for reference in references)

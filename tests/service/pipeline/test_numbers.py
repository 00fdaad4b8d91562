from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hypothesis import given, settings

from logweir_service.decode import StoredDecoder
from logweir_service.derive import Derivation
from logweir_service.pipeline import Counting, Numbers
from logweir_service.rules import MetricRule, RuleSet
from tests.service.derive.events import RECEIVED, rules_of, samples
from tests.service.derive.strategies import batches_of_events, rule_tuples


def lines_of(events: Sequence[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


def derive(numbers: Numbers, batches: Sequence[bytes]) -> None:
    for lines in batches:
        for _ in numbers.derive(lines, RECEIVED, None):
            pass


@settings(max_examples=150, deadline=None)
@given(rules=rule_tuples, batches=batches_of_events)
def test_fields_looked_for_when_a_name_wants_them_make_the_numbers_of_fields_looked_for_always(
    rules: tuple[MetricRule, ...], batches: list[list[dict[str, Any]]]
) -> None:
    rule_set = RuleSet(metrics=rules)
    learning = Counting(Derivation, ())(rule_set)
    knowing = Numbers(rule_set, Derivation(rule_set), StoredDecoder(rule_set.fields))
    lines = [lines_of(batch) for batch in batches]
    derive(learning, lines)
    derive(knowing, lines)
    assert samples(learning.derivation) == samples(knowing.derivation)
    assert learning.derivation.skipped == knowing.derivation.skipped


def test_zero_series_are_read_of_an_event_that_no_rule_takes(tmp_path: Path) -> None:
    rules = rules_of(
        tmp_path,
        "metrics: [{name: a_total, type: counter, event: a, init: {kind: [x]},"
        " labels: {service: service, environment: environment, kind: kind}}]",
    )
    numbers = Counting(Derivation, ())(rules)
    event = {"timestamp": "2026-01-01T00:00:00Z", "level": "info", "event": "other", "service": "shop"}
    derive(numbers, [lines_of([event | {"environment": "test"}])])
    assert samples(numbers.derivation) == {"a_total{service=shop,environment=test,kind=x}": 0}

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logweir_service.derive import Derivation
from logweir_service.rules import LabelRule, MetricRule, RuleSet, ValueRule

from .events import RECEIVED
from .events import decoded as decoded_for
from .plain_exposition import plain_exposition
from .strategies import batches_of_events, decoded, rule_tuples


@settings(max_examples=150, deadline=None)
@given(
    rules=rule_tuples,
    birth=st.booleans(),
    batches=batches_of_events,
    steps=st.lists(st.sampled_from([0, 1, 250, 700, -20, -90_000]), min_size=3, max_size=3),
    looks=st.lists(st.booleans(), min_size=3, max_size=3),
    later=st.sampled_from([0, 0, 61, 301]),
)
def test_every_byte_is_as_the_plain_writer_writes_it(
    rules: tuple[MetricRule, ...],
    birth: bool,
    batches: list[list[dict[str, Any]]],
    steps: list[int],
    looks: list[bool],
    later: int,
) -> None:
    derivation = Derivation(RuleSet(metrics=tuple(replace(rule, birth_zero=birth) for rule in rules)))
    received = RECEIVED
    for batch, step, looked in zip(batches, steps, looks, strict=False):
        received += step
        derivation.apply(decoded(batch), received)
        for openmetrics in (False, True) if looked else ():
            expected = plain_exposition(derivation, openmetrics=openmetrics, now=received)
            assert derivation.expose(openmetrics=openmetrics, now=received) == expected
    now = received + later
    for openmetrics in (False, True):
        expected = plain_exposition(derivation, openmetrics=openmetrics, now=now)
        assert derivation.expose(openmetrics=openmetrics, now=now) == expected


LABELS = (LabelRule(name="x", fields=("a",)), LabelRule(name="y", fields=("b",)))
RULES = RuleSet(
    metrics=(
        MetricRule(
            name="things_total",
            type="counter",
            help="",
            events=("x.a",),
            labels=LABELS,
            expire_seconds=100.0,
            max_series=100_000,
            max_label_values=100_000,
        ),
        MetricRule(
            name="wait_seconds",
            type="histogram",
            help="",
            events=("x.a",),
            labels=LABELS,
            buckets=(1.0, 2.0),
            value=ValueRule(field="n"),
            max_series=100_000,
            max_label_values=100_000,
        ),
    )
)


def some_events(dice: random.Random, count: int) -> list[dict[str, Any]]:
    return [
        {"a": str(dice.randrange(10**6)), "b": dice.choice(['"', "\\", "é", "x"]), "n": dice.random() * 3}
        for _ in range(count)
    ]


@pytest.mark.parametrize("openmetrics", [False, True])
def test_series_stay_in_order_while_thousands_come_and_go(openmetrics: bool) -> None:
    dice = random.Random(1)
    derivation = Derivation(RULES)
    for round_number, count in enumerate([3000, 40, 0, 2000, 700, 1]):
        received = RECEIVED + 60 * round_number
        derivation.apply(decoded_for(RULES, some_events(dice, count)), received)
        expected = plain_exposition(derivation, openmetrics=openmetrics, now=received)
        assert derivation.expose(openmetrics=openmetrics, now=received) == expected


def test_a_view_is_written_as_it_was_whatever_comes_meanwhile() -> None:
    dice = random.Random(1)
    derivation = Derivation(RULES)
    derivation.apply(decoded_for(RULES, some_events(dice, 3000)), RECEIVED)
    views = []
    for seconds in (50, 99, 101, 160, 400):
        derivation.apply(decoded_for(RULES, some_events(dice, 800)), RECEIVED + seconds)
        expected = derivation.expose(openmetrics=True)
        parts: list[bytes] = []
        views.append((derivation.view(openmetrics=True).write(parts), parts, expected))
    writing = [steps for steps, _, _ in views]
    while writing:  # all of them by turns, so that none knows what the others know of the order
        writing = [steps for steps in writing if next(steps, 0) is None]
        derivation.apply(decoded_for(RULES, some_events(dice, 20)), RECEIVED + 400)
    for _, parts, expected in views:
        assert b"".join(parts) == expected


def test_no_part_of_the_writing_takes_longer_with_more_series() -> None:
    """Between two pauses there are some thousand lines at most, also where all series are new."""
    derivation = Derivation(RULES)
    derivation.apply(decoded_for(RULES, some_events(random.Random(1), 20_000)), RECEIVED)
    for _ in range(2):
        parts: list[bytes] = []
        lines = [0]
        pauses = 0
        for _ in derivation.view(openmetrics=False).write(parts):
            pauses += 1
            lines.append(sum(part.count(b"\n") for part in parts))
        assert pauses > 100_000 / 2500
        assert max(after - before for before, after in pairwise(lines)) < 6000

from __future__ import annotations

import pytest

from logweir_service.ruletest import Coverage

from .test_promoted import STORY
from .written import case, event, outcomes, write

ALL = ["a_total", "b_total", "size_total", "wait_seconds", "depth", "doing", "users", "promote errors"]


@pytest.mark.parametrize(
    ("inputs", "reached"),
    [
        (f"[{event()}]", {"a_total"}),
        (f"[{event(name='b')}]", {"b_total"}),
        (f"[{event(name='d', more='depth: 0')}, {event(at='7d', name='other')}]", {"depth"}),
        (f"[{event(name='w', more='wait: 0, kind: x')}]", {"wait_seconds"}),
        (f"[{event(name='s.on', more='id: 1')}, {event(name='s.off', more='id: 1')}]", {"doing"}),
        (STORY, {"a_total", "users", "promote errors"}),
        (f"[{event(more='size: -1')}]", {"a_total"}),
    ],
)
def test_a_rule_is_reached_where_an_event_has_a_part_in_it(tmp_path, inputs, reached):
    coverage = Coverage()
    outcomes(write(tmp_path, case(inputs, "[{at: 7d, skipped: {}}]")), coverage)
    assert coverage.missed == [name for name in ALL if name not in reached]


def test_coverage_adds_up_and_is_one_line(tmp_path):
    coverage = Coverage()
    for name in ("a", "b"):
        outcomes(write(tmp_path, case(f"[{event(name=name)}]", "[{at: 0s, skipped: {}}]")), coverage)
    assert str(coverage) == (
        "rules reached 2 of 8: not size_total, wait_seconds, depth, doing, users, promote errors"
    )

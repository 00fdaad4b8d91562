"""What a test sees is what the service shows, and nothing that stands in a file makes it raise."""

from __future__ import annotations

import contextlib
import copy
import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from logweir_service.errors import RulesError
from logweir_service.pipeline import Delivery, Pipeline
from logweir_service.rules import load
from logweir_service.ruletest.model import Given
from logweir_service.ruletest.samples import Sample, parse
from logweir_service.ruletest.scene import Scene
from logweir_service.settings import read_settings
from tests.service.pipeline.living import living

from .written import RULES, outcomes

START = 1_767_225_600.0

EVENTS = st.fixed_dictionaries(
    {
        "event": st.sampled_from(["a", "b", "w", "d", "s.on", "s.off", "Odd"]),
        "service": st.sampled_from(["shop", "pay"]),
        "level": st.sampled_from(["info", "error", "loud"]),
        "kind": st.sampled_from(["x", "y", None, [1]]),
        "size": st.sampled_from([None, 1, -1, 0.5, "x"]),
        "wait": st.floats(0, 9) | st.none(),
        "depth": st.integers(0, 5),
        "id": st.integers(1, 3),
        "user_id": st.integers(1, 5).map(str) | st.none(),
    },
    optional={"event_id": st.sampled_from(["1", "2"]), "timestamp": st.just("2025-12-31T23:59:00Z")},
)
STEPS = st.lists(st.tuples(st.integers(0, 400), EVENTS, st.integers(1, 3)), max_size=12)


@settings(max_examples=15, deadline=None)
@given(STEPS)
def test_a_test_sees_what_the_service_shows(steps):
    with tempfile.TemporaryDirectory() as folder:
        rules = Path(folder) / "rules.yaml"
        rules.write_text(RULES.lstrip())
        taken, now = [], START
        for pause, event, repeat in steps:
            now += pause
            line = json.dumps({"timestamp": "2026-01-01T00:00:00Z", **event}).encode()
            taken.append((Given(place="", at_seconds=0.0, line=line, repeat=repeat), now))

        async def use(pipeline: Pipeline) -> list[Sample]:
            moment = START
            pipeline.clock = lambda: moment
            for each, moment in taken:  # noqa: B007 - the clock reads it
                await pipeline.submit(Delivery((each.line + b"\n") * each.repeat))
            shown = pipeline.numbers.derivation.expose(openmetrics=False, now=pipeline.clock())
            return sorted(parse(shown.decode()))

        served = living(read_settings(data=str(Path(folder) / "data"), rules=str(rules)), use)
        scene = Scene(load([rules]))
        for each, moment in taken:
            scene.take(each, received=moment)
        assert sorted(scene.samples(now)) == served


FILE: dict[str, Any] = {
    "rules": ["rules.yaml"],
    "tests": [
        {
            "name": "it",
            "start": "2026-01-01T00:00:00Z",
            "input": [
                {"at": "0s", "event": "a", "service": "shop", "level": "error", "repeat": 2},
                {"at": "1m", "stream": "s", "event": "s.on", "service": "shop", "level": "info", "id": 1},
                {"stream": "s", "_closed": {}},
            ],
            "refused": {"missing_field": 1},
            "expect": [
                {
                    "at": "5s",
                    "metrics": 'a_total{kind="x"} 1',
                    "absent": ["depth"],
                    "skipped": {"depth": {"late": 1}},
                    "promoted": [{"user_id": "u", "breadcrumbs": ["a"], "tags": {"a": "b"}}],
                }
            ],
        }
    ],
}
SCALARS = st.sampled_from(
    [None, True, 0, -1, 2.5, float("inf"), 1 << 70, "", "5s", "x 1", "a", "\0", "é", "9" * 400 + "d"]
)
VALUES = (
    SCALARS
    | st.lists(SCALARS, max_size=2)
    | st.dictionaries(st.sampled_from(["at", "event", "x"]), SCALARS, max_size=2)
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every container in a tree with each of its keys."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    return [pair for key in keys for pair in [(value, key), *places(value[key])]]


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_file_of_tests_runs_or_is_refused_whatever_stands_in_it(data):
    file = copy.deepcopy(FILE)
    for _ in range(data.draw(st.integers(1, 2))):
        found = places(file)
        container, key = found[data.draw(st.integers(0, len(found) - 1))]
        container[key] = data.draw(VALUES)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "rules.yaml").write_text(RULES.lstrip())
        path = Path(folder) / "some_test.yaml"
        path.write_text(json.dumps(file, ensure_ascii=data.draw(st.booleans())))
        with contextlib.suppress(RulesError):
            outcomes(str(path))

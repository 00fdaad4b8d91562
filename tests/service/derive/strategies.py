"""Made-up rules and events, with the values that are easy to get wrong."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from hypothesis import strategies as st

from logweir_service.event import Event, event_type
from logweir_service.rules import DistinctRule, LabelRule, MetricRule, ValueRule, compile_predicate

FIELDS = ("environment", "service_instance_id", "a", "b", "c")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
WINDOWS = (("1h", 3600.0), ("10m", 600.0))

odd_values = st.one_of(
    st.sampled_from([None, 0, 1, 2, True, False, 1.0, 2.5, -1, -0.0, 200, 200.0, 10**12, 1e300, 2**64 - 1]),
    st.sampled_from(["200", "", "x", "X", "true", "1", 'é\n"\\', "y" * 250, "%s", "\0", "__other__"]),
    st.sampled_from([[], {"k": 1}, [1]]),
    st.sampled_from([1, True, 1.0, "1"]),
)
label_rules = st.builds(
    LabelRule,
    name=st.just("x"),
    fields=st.lists(st.sampled_from(["a", "a", "b", "event"]), min_size=1, max_size=2).map(tuple),
    default=st.sampled_from(["unknown", "none"]),
    lower=st.booleans(),
    map=st.sampled_from([None, (("2??", "2xx"), ("*", "rest")), (("?", "one"),)]),
    allow=st.sampled_from([None, frozenset({"x", "200", "true", "2xx"})]),
    truncate=st.sampled_from([1, 200]),
)
conditions = st.sampled_from(
    [
        "a == 1",
        "a > b",
        "level == 'error'",
        "level == 'error' and a is not None",
        "a * 2 > 3 or event == 'x.b'",
        "a in ('x', 1) or b",
        "not c",
        "len(a) > 0",
        "a == event",
    ]
)


@st.composite
def metric_rules(draw: st.DrawFn, name: str) -> MetricRule:
    kind: Any = draw(st.sampled_from(["counter", "gauge", "histogram", "distinct"]))
    own = draw(st.lists(label_rules, max_size=2))
    value = ValueRule(
        field=draw(st.sampled_from("abc")),
        divide=draw(st.sampled_from([1.0, 1000.0])),
        cumulative=kind == "counter" and draw(st.booleans()),
    )
    parts: tuple[tuple[str, ValueRule], ...] = ()
    if kind in ("counter", "gauge") and draw(st.booleans()) and draw(st.booleans()):
        parts = (("one", value), ("two", replace(value, field=draw(st.sampled_from("abc")))))
        own = [*own, LabelRule(name="part", constant="")]
    text = draw(st.none() | conditions)
    labels = [
        LabelRule(name="service", fields=("service",)),
        LabelRule(name="environment", fields=("environment",)),
    ]
    labels += [
        replace(label, name=f"x{place}" if label.fields else label.name) for place, label in enumerate(own)
    ]
    return MetricRule(
        name=f"{name}_total" if kind == "counter" else f"{name}_{kind}_seconds",
        type="gauge" if kind == "distinct" else kind,
        help="",
        events=draw(st.sampled_from([("x.a",), ("x.*",), ("*",), ("x.a", "x.b"), ("?.b",)])),
        when=compile_predicate(text) if text else None,
        value=value
        if kind != "distinct" and not parts and (kind != "counter" or draw(st.booleans()))
        else None,
        by="part" if parts else None,
        parts=parts,
        across=draw(st.sampled_from([None, "sum", "max", "min"])) if kind == "gauge" else None,
        distinct=DistinctRule(field="a", windows=WINDOWS) if kind == "distinct" else None,
        once=draw(st.sampled_from([None, None, "b"])) if kind == "counter" and not parts else None,
        expire_seconds=draw(st.sampled_from([None, 60.0, 300.0])),
        labels=tuple(labels[draw(st.integers(0, 2)) :]),
        buckets=draw(st.sampled_from([(0.5, 1.0, 2.0), (-1.0, 0.0), (1.0,)])) if kind == "histogram" else (),
        max_series=draw(st.sampled_from([1, 3, 2000])),
        max_label_values=draw(st.sampled_from([1, 2, 200])),
        exemplar=draw(st.booleans()),
    )


def events(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "event": st.sampled_from(["x.a", "x.b", "other"]),
            "level": st.sampled_from(["info", "error"]),
            "service": st.sampled_from(["shop", "pay"]),
            "timestamp": st.sampled_from([-400, -300, -10, 0, 10]).map(
                lambda seconds: (NOW + timedelta(seconds=seconds)).isoformat()
            ),
            "correlation_id": st.sampled_from([None, "c1"]),
        },
        optional={
            "environment": st.sampled_from(["prod", "test", None]),
            "service_instance_id": st.sampled_from(["i1", "i2", 7]),
            **dict.fromkeys("abc", values),
        },
    )


few_values: st.SearchStrategy[list[Any]] = st.lists(odd_values, min_size=1, max_size=3)
"""Values that come again, since what is remembered matters only then."""

batches_of_events = few_values.flatmap(
    lambda values: st.lists(
        st.lists(events(st.sampled_from(values)), min_size=4, max_size=12), min_size=1, max_size=3
    )
)


def decoded(raw: Sequence[dict[str, Any]]) -> list[Event]:
    decoder: Any = msgspec.json.Decoder(event_type(FIELDS))
    return decoder.decode_lines("\n".join(map(json.dumps, raw)))  # type: ignore[no-any-return]


rule_tuples = st.integers(1, 3).flatmap(lambda n: st.tuples(*(metric_rules(name=f"m{i}") for i in range(n))))

"""What happened inside of what, by span ids, across services."""

from __future__ import annotations

from collections.abc import Sequence

from .moment import Moment


def parents(moments: Sequence[Moment]) -> list[int | None]:
    """For each moment the place of the one that it happened inside of, or None.

    A span is what took time and has a `span_id`; of two with the same id the first counts. A moment stands
    inside the span that its `parent_span_id` names, else inside the one whose `span_id` it repeats, as log
    records of OpenTelemetry do. A parent that is not here is none, and where spans contain each other in a
    circle, one link of it is cut.
    """
    spans = _spans(moments)
    found = [_parent(number, moment, spans) for number, moment in enumerate(moments)]
    _cut_circles(found)
    return found


def depths(parents: Sequence[int | None]) -> list[int]:
    """How many others each moment stands inside of; `parents` are without circles."""
    known: list[int | None] = [None] * len(parents)
    for number in range(len(parents)):
        path: list[int] = []
        at: int | None = number
        while at is not None and known[at] is None:
            path.append(at)
            at = parents[at]
        depth = -1 if at is None else known[at] or 0
        for each in reversed(path):
            depth += 1
            known[each] = depth
    return [depth or 0 for depth in known]


def _spans(moments: Sequence[Moment]) -> dict[str, int]:
    spans: dict[str, int] = {}
    for number, moment in enumerate(moments):
        span_id = moment.identifier("span_id")
        if span_id is not None and moment.duration is not None:
            spans.setdefault(span_id, number)
    return spans


def _parent(number: int, moment: Moment, spans: dict[str, int]) -> int | None:
    for key in ("parent_span_id", "span_id"):
        parent = spans.get(moment.identifier(key) or "")
        if parent is not None and parent != number:
            return parent
    return None


def _cut_circles(parents: list[int | None]) -> None:
    seen_from: list[int | None] = [None] * len(parents)
    for number in range(len(parents)):
        at: int = number
        while seen_from[at] is None:
            seen_from[at] = number
            parent = parents[at]
            if parent is None:
                break
            if seen_from[parent] == number:
                parents[at] = None
                break
            at = parent

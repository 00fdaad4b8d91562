"""Smaller versions of a Sentry event that a server found too large."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Final

FEW_BREADCRUMBS: Final = 20
MAX_TEXT: Final = 2_000


def smaller(event: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield ever smaller versions of `event`, each tagged with how much it lost; the last one is minimal.

    What groups the event, who met it and in which request are kept to the last.
    """
    for step in (_without_locals, _with_few_breadcrumbs, _without_story):
        event = deepcopy(event)
        step(event)
        event.setdefault("tags", {})["truncated"] = step.__name__.strip("_").replace("_", " ")
        yield event


def _without_locals(event: dict[str, Any]) -> None:
    for value in event.get("exception", {}).get("values", ()):
        for frame in value.get("stacktrace", {}).get("frames", ()):
            frame.pop("vars", None)


def _with_few_breadcrumbs(event: dict[str, Any]) -> None:
    crumbs = event.get("breadcrumbs", {}).get("values", [])
    event["breadcrumbs"] = {"values": crumbs[-FEW_BREADCRUMBS:]}
    event.get("request", {}).pop("data", None)


def _without_story(event: dict[str, Any]) -> None:
    event.pop("breadcrumbs", None)
    contexts = event.get("contexts", {})
    event["contexts"] = {name: contexts[name] for name in ("trace", "response") if name in contexts}
    event["logentry"] = {key: text[:MAX_TEXT] for key, text in event.get("logentry", {}).items()}
    for value in event.get("exception", {}).get("values", ()):
        value["value"] = value["value"][:MAX_TEXT]

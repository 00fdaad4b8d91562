"""Events as decode hands them over, and what a derivation shows of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from logweir_service.derive import Derivation
from logweir_service.event import Event, event_type
from logweir_service.rules import RuleSet, load

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RECEIVED = NOW.timestamp()


def rules_of(folder: Path, text: str) -> RuleSet:
    """The rules of a YAML text whose first line is its version."""
    file = folder / "rules.yaml"
    file.write_text(f"version: 1\n{text}")
    return load([file])


def decoded(rules: RuleSet, raw: Iterable[Mapping[str, Any]]) -> list[Event]:
    """Events with what every event has, unless they say otherwise."""
    always = {"event": "x.a", "level": "info", "service": "shop", "timestamp": NOW.isoformat()}
    decoder: Any = msgspec.json.Decoder(event_type(rules.fields))
    events: list[Event] = decoder.decode_lines("\n".join(json.dumps({**always, **event}) for event in raw))
    return events


def samples(derivation: Derivation) -> dict[str, float]:
    """Sample name with its labels, as text, and value."""
    found = {}
    for family in text_string_to_metric_families(derivation.expose(openmetrics=False).decode()):
        for sample in family.samples:
            labels = ",".join(f"{name}={text}" for name, text in sample.labels.items())
            found[f"{sample.name}{{{labels}}}"] = sample.value
    return found

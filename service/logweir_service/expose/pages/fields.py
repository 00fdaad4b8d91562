"""All fields of an event, as a table shows them: short values as they are, long ones folded."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from logweir_service.find import visible

_FOLDED_CHARACTERS: Final = 600
"""Longer values are folded."""
_BEGIN_CHARACTERS: Final = 120
_FIRST: Final = (
    *("timestamp", "level", "event", "service", "message", "error_type", "outcome", "duration_seconds"),
    *("correlation_id", "trace_id", "span_id", "parent_span_id", "user_id"),
)
"""What people look for first; the others follow by name."""


@dataclass(frozen=True, slots=True)
class Field:
    """One row of the table."""

    name: str
    text: str
    """The whole value; lines are kept apart."""
    begin: str
    """Its begin where it is folded, else empty."""
    is_block: bool
    """Whether it has lines of its own."""


def fields_of(members: Mapping[str, Any]) -> Iterator[Field]:
    """The fields of an event, those first that people look for."""
    for name in (*_FIRST, *sorted(set(members) - set(_FIRST))):
        if name in members:
            yield _field(name, members[name])


def lines_visible(text: str) -> str:
    """`text` with its line breaks and tabs, in which nothing else hides."""
    return "\n".join(
        "\t".join(map(visible, line.split("\t"))) for line in text.replace("\r\n", "\n").split("\n")
    )


def _field(name: str, value: Any) -> Field:
    if isinstance(value, dict | list) and value:
        text, is_block = json.dumps(value, ensure_ascii=False, indent=2), True
    elif isinstance(value, str):
        text, is_block = value, "\n" in value
    else:
        text, is_block = json.dumps(value), False
    text = lines_visible(text) if is_block else visible(text)
    folded = len(text) > _FOLDED_CHARACTERS
    begin = visible(text[:_BEGIN_CHARACTERS].replace("\n", " ")) if folded else ""
    return Field(visible(name), text, begin, is_block)

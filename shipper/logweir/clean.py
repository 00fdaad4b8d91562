"""The careful walk over values that the fast path of encoding does not take as they are.

Whatever comes in, plain JSON values come out: secrets replaced, texts, depth and breadth capped, unknown
types as text. Nothing here raises for a value, however odd it is.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from numbers import Integral, Real
from typing import Any, Final
from uuid import UUID

from logweir.fields import CORRELATION_ID, SENDER_KEYS, SERVICE_NAME
from logweir.redact import REDACTED, is_hidden

MAX_TEXT_CHARACTERS: Final = 16 * 1024
MAX_DEPTH: Final = 8
"""Levels of containers, the event itself being the first."""
MAX_KEYS: Final = 200
"""Keys of one object; the service refuses events of more than 256."""
MAX_NODES: Final = 5_000
"""Values in one event: a guard against structures that refer to themselves at every level."""
MAX_NAMED_CUTS: Final = 20

CUT: Final = "[truncated]"
SCALARS: Final = frozenset({str, int, float, bool, type(None), datetime, date, time, UUID})
"""The types that orjson writes as one JSON scalar; exact types, since subclasses can lie."""

_OWN_KEYS: Final = frozenset({"event", "level"})
_INT_LIMITS: Final = (-(2**63), 2**64 - 1)


class Cleaner:
    """Cleans the values of one event, and remembers what had to be cut or could not be written.

    `strict` also repairs what only orjson refuses: lone surrogates, integers beyond 64 bits, times of a zone.
    """

    def __init__(self, *, strict: bool = False) -> None:
        self.cut: list[str] = []
        self.faults: list[str] = []
        self._strict = strict
        self._nodes = 0

    def clean(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """A new dict of plain JSON values.

        Keys beginning with ``_`` are left out, since they are the service's own; a key that an event has
        anyway, or whose value breaks its grammar, gets a ``_`` at its end, so that it costs nobody the
        whole event.
        """
        cleaned: dict[str, Any] = {}
        for key, value in self._items(fields, "event"):
            name = self._key(key, "key")
            if name.startswith("_") and name not in SENDER_KEYS:
                continue
            plain = REDACTED if is_hidden(name, value) else self._plain(value, name, 2)
            cleaned[f"{name}_" if name in _OWN_KEYS or _breaks_grammar(name, plain) else name] = plain
        return cleaned

    def _items(self, mapping: Mapping[Any, Any], path: str) -> list[tuple[Any, Any]]:
        try:
            items = list(mapping.items())
        except Exception as fault:  # noqa: BLE001 - a foreign mapping may raise anything
            self.faults.append(f"{path}: {type(fault).__name__}")
            return []
        if len(items) > MAX_KEYS:
            self._note_cut(path)
        return items[:MAX_KEYS]

    def _plain(self, value: Any, path: str, depth: int) -> Any:
        try:
            return self._convert(value, path, depth)
        except Exception as fault:  # noqa: BLE001 - a foreign value may raise anything, whatever it is asked
            self.faults.append(f"{path}: {type(fault).__name__}")
            return f"<{type(value).__name__}>"

    def _convert(self, value: Any, path: str, depth: int) -> Any:
        self._nodes += 1
        if type(value) in SCALARS:
            return self._scalar(value, path)
        if depth > MAX_DEPTH or self._nodes > MAX_NODES:
            self._note_cut(path)
            return CUT
        if isinstance(value, Enum):
            return self._plain(value.value, path, depth + 1)
        if isinstance(value, str):
            return self._text(str.__str__(value), path)
        if isinstance(value, Real | Decimal | timedelta):
            return self._scalar(_number(value), path)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            value = {field.name: getattr(value, field.name, None) for field in dataclasses.fields(value)}
        if isinstance(value, Mapping):
            return self._mapping(value, path, depth)
        if isinstance(value, list | tuple | set | frozenset):
            items = list(value)
            kept = items[: MAX_NODES - self._nodes]
            if len(kept) < len(items):
                self._note_cut(path)
            return [self._plain(item, path, depth + 1) for item in kept]
        if isinstance(value, bytes | bytearray | memoryview):
            return self._text(bytes(value).decode("utf-8", "replace"), path)
        return self._foreign(value, path)

    def _mapping(self, mapping: Mapping[Any, Any], path: str, depth: int) -> dict[str, Any]:
        cleaned: dict[str, Any] = {}
        for key, value in self._items(mapping, path):
            name = self._key(key, path)
            hidden = is_hidden(name, value)
            cleaned[name] = REDACTED if hidden else self._plain(value, f"{path}.{name}", depth + 1)
        return cleaned

    def _key(self, key: Any, path: str) -> str:
        return self._text(str.__str__(key), path) if issubclass(type(key), str) else self._foreign(key, path)

    def _scalar(self, value: Any, path: str) -> Any:
        if isinstance(value, str):
            return self._text(value, path)
        if self._strict and isinstance(value, datetime | time) and value.tzinfo is not None:
            return value.isoformat()
        if self._strict and type(value) is int and not _INT_LIMITS[0] <= value <= _INT_LIMITS[1]:
            self.faults.append(f"{path}: integer beyond 64 bits")
            return hex(value) if value.bit_length() > 10_000 else str(value)
        return value

    def _text(self, text: str, path: str) -> str:
        if len(text) > MAX_TEXT_CHARACTERS:
            self._note_cut(path)
            text = text[:MAX_TEXT_CHARACTERS]
        if self._strict and not text.isascii():
            repaired = text.encode("utf-8", "replace").decode()
            if repaired != text:
                self.faults.append(f"{path[:128]}: lone surrogate".encode("ascii", "replace").decode())
            return repaired
        return text

    def _foreign(self, value: Any, path: str) -> str:
        try:
            text = str(value)
        except Exception as fault:  # noqa: BLE001 - a foreign __str__ may raise anything
            self.faults.append(f"{path}: {type(fault).__name__} in {type(value).__name__}.__str__")
            return f"<{type(value).__name__}>"
        return self._text(text, path)

    def _note_cut(self, path: str) -> None:
        if len(self.cut) < MAX_NAMED_CUTS and path not in self.cut:
            self.cut.append(path[:256])


def _number(value: Real | Decimal | timedelta) -> int | float | str:
    """A number of a foreign type as one that JSON has, a time span in seconds; its text where none fits."""
    if isinstance(value, timedelta):
        return value.total_seconds()
    try:
        return int(value) if isinstance(value, Integral) else float(value)
    except (ValueError, OverflowError):
        return str(value)


def _breaks_grammar(key: str, value: Any) -> bool:
    """Whether the service would refuse the whole event for this value."""
    if key == "service":
        return not (isinstance(value, str) and SERVICE_NAME.fullmatch(value))
    if key == "correlation_id" and not isinstance(value, UUID):
        return not (isinstance(value, str) and CORRELATION_ID.fullmatch(value))
    return False

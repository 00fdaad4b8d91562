"""Reading a stored line whole, whatever the journal has accepted."""

from __future__ import annotations

import json
import math
from typing import Any

import orjson


def members(line: bytes) -> dict[str, Any]:
    """The members of the object on `line`; a number out of every range reads as null, as it does on ingest.

    Raises:
        ValueError: it is no JSON object.
    """
    try:
        read = orjson.loads(line)
    except orjson.JSONDecodeError:
        lax = json.loads(line, parse_float=_float, parse_int=_int)
        read = orjson.loads(json.dumps(lax, ensure_ascii=False).encode(errors="replace"))
    if not isinstance(read, dict):
        raise ValueError("it is no object")
    return read


def _float(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _int(digits: str) -> float | None:
    return int(digits) if len(digits) < 20 else _float(digits)

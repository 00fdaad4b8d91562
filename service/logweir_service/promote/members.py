"""Reading a stored line into what a Sentry server takes."""

from __future__ import annotations

import json
from typing import Any

import orjson

from logweir_service.lenient import read_object


def members(line: bytes) -> dict[str, Any]:
    """The members of the object on `line`, all of which can be written as JSON again.

    A number that no float holds reads as None, an integer beyond 64 bits as a float, half a surrogate pair as
    a question mark.

    Raises:
        ValueError: it is no JSON object.
    """
    try:
        read = orjson.loads(line)
    except orjson.JSONDecodeError:
        read = orjson.loads(json.dumps(read_object(line), ensure_ascii=False).encode(errors="replace"))
    if not isinstance(read, dict):
        raise ValueError("it is no object")
    return read

"""The other form of a body: a JSON array, or one object."""

from __future__ import annotations

import msgspec

from logweir_service.errors import Refusal


def lines_of_array(body: bytes) -> bytes:
    """NDJSON of a JSON array, or of one object, whose elements keep their bytes.

    Raises:
        Refusal: 400, where the body is neither.
    """
    try:
        root = bytes(msgspec.json.decode(body, type=msgspec.Raw))
        if root[:1] not in (b"[", b"{"):
            raise Refusal(400, "invalid_json", "the body is neither an array of events nor one event")
        elements = msgspec.json.decode(root, type=list[msgspec.Raw]) if root[:1] == b"[" else [root]
        lines = [bytes(element) for element in elements]
        return b"\n".join(msgspec.json.format(line, indent=-1) if b"\n" in line else line for line in lines)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Refusal(400, "invalid_json", f"the body is not JSON: {error}") from None

"""The other form of a body: a JSON array, or one object."""

from __future__ import annotations

import msgspec

from logweir_service.errors import Refusal
from logweir_service.limits import Limits

from .refused import too_many_events


class ArrayReader:
    """Takes a JSON array apart; it stops at the first element beyond the limit.

    As a list, twenty megabytes of ``1,1,1`` would take most of a gigabyte before they could be counted. A
    struct of a member for each element that is allowed ends the parse there.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        members = [(f"element_{number}", msgspec.Raw, msgspec.UNSET) for number in range(limits.max_events)]
        elements = msgspec.defstruct(
            "Elements", members, array_like=True, forbid_unknown_fields=True, gc=False
        )
        self._elements = msgspec.json.Decoder(elements)

    def lines(self, body: bytes) -> bytes:
        """NDJSON of a JSON array, or of one object, whose elements keep their bytes.

        Raises:
            Refusal: 400, where the body is neither; 413, where it holds too many elements.
        """
        try:
            lines = self._split(bytes(msgspec.json.decode(body, type=msgspec.Raw)))
            return b"\n".join(
                msgspec.json.format(line, indent=-1) if b"\n" in line else line for line in lines
            )
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise Refusal(400, "invalid_json", f"the body is not JSON: {error}") from None

    def _split(self, root: bytes) -> list[bytes]:
        if root[:1] == b"{":
            return [root]
        if root[:1] != b"[":
            raise Refusal(400, "invalid_json", "the body is neither an array of events nor one event")
        try:
            elements = msgspec.structs.astuple(self._elements.decode(root))
        except msgspec.ValidationError:  # an element may be anything, so only their number can be wrong
            raise too_many_events(self._limits) from None
        return [bytes(element) for element in elements if element is not msgspec.UNSET]

"""The other form of a body: a JSON array, or one object."""

from __future__ import annotations

import msgspec

from logweir_service.errors import Refusal
from logweir_service.limits import Limits

from .deep_array import take_apart
from .refused import too_many_events

_NOTHING = b"0"
"""Stands for an element that is not to be parsed."""


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

        A body of nothing but white space has none.

        Raises:
            Refusal: 400, where the body is neither; 413, where it holds too many elements.
        """
        if not body or body.isspace():
            return b""
        try:
            return b"\n".join(self._shallow(body))
        except RecursionError:
            pass
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _not_json(error) from None
        try:
            return b"\n".join(self._deep(body.strip()))
        except (ValueError, RecursionError) as error:  # as msgspec's faults are
            raise _not_json(error) from None

    def _shallow(self, body: bytes) -> list[bytes]:
        lines = self._split(bytes(msgspec.json.decode(body, type=msgspec.Raw)))
        return [msgspec.json.format(line, indent=-1) if b"\n" in line else line for line in lines]

    def _deep(self, body: bytes) -> list[bytes]:
        """The lines of a body that no parser reads to its end: what is too deep in it costs nothing else.

        All others have to be JSON as ever. What is too deep is left to whoever refuses it.
        """
        is_array = body[:1] == b"["
        at_most = self._limits.max_events
        elements = take_apart(body if is_array else b"[%s]" % body, at_most=at_most)
        if len(elements) > at_most:
            raise too_many_events(self._limits)
        if not is_array and len(elements) > 1:
            raise ValueError("something stands behind the object")
        too_deep = [element.is_closed and element.depth > self._limits.max_depth for element in elements]
        read = b",".join(
            _NOTHING if deep else element.text for element, deep in zip(elements, too_deep, strict=True)
        )
        lines = self._shallow(b"[%s]" % read)
        return [
            element.text.replace(b"\n", b" ") if deep else line
            for element, deep, line in zip(elements, too_deep, lines, strict=True)
        ]

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


def _not_json(error: Exception) -> Refusal:
    return Refusal(400, "invalid_json", f"the body is not JSON: {error}")

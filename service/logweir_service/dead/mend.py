"""A letter as it is sent again: repaired where that is asked for, and harmless if it is sent twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid5

import msgspec

from logweir_service.errors import LogweirError

from .letter import Letter

Repairs = Mapping[str, Any]
"""Fields and the values that they are to have."""


class Unsendable(LogweirError):
    """A letter that cannot be sent again, with the reason."""


def sendable(letter: Letter, *, repairs: Repairs, journal: UUID) -> bytes:
    """The line to send for a letter, without its newline; members that are not repaired keep their bytes.

    An event that has no `event_id` gets one, made of the journal's and the letter's identity: if the answer
    is lost and the letter sent once more, the service knows it.

    Raises:
        Unsendable: it was kept only in part, or holds no object that could be repaired.
    """
    if letter.truncated:
        raise Unsendable("only its beginning is kept")
    line = letter.raw.replace(b"\n", b" ")
    try:
        members = _members.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        if repairs:
            raise Unsendable("it is no JSON object, so no field can be set") from None
        return line
    added = {key: msgspec.Raw(msgspec.json.encode(value)) for key, value in repairs.items()}
    if not _is_named(members | added):
        added["event_id"] = msgspec.Raw(b'"%s"' % str(uuid5(journal, f"dead:{letter.id}")).encode())
    return _object(members | added)


_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


def _is_named(members: Mapping[str, msgspec.Raw]) -> bool:
    """Whether the event has an identity of its own."""
    return bytes(members.get("event_id", b"null")) != b"null"


def _object(members: Mapping[str, msgspec.Raw]) -> bytes:
    return b"{%s}" % b",".join(
        b"%s:%s" % (msgspec.json.encode(key), bytes(raw)) for key, raw in members.items()
    )

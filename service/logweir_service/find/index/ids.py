"""What events are found by, as it stands on their lines."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

import msgspec

from logweir_service.lenient import read_moment, read_object

IdKind = Literal["correlation_id", "trace_id", "event_id", "user_id"]

ID_KINDS: Final[tuple[IdKind, ...]] = ("correlation_id", "trace_id", "event_id", "user_id")

MAX_ID: Final = 128
"""Characters of what can be looked for; longer ones are no ids."""

_TRACE_ID: Final = re.compile(r"[0-9a-f]{32}")
_WHOLE: Final = re.compile(r"-?[0-9]+", re.ASCII)


class Ids(msgspec.Struct, gc=False):
    """When an event happened and what it is found by, in the order in which shippers write it."""

    timestamp: Annotated[datetime, msgspec.Meta(tz=True)]
    level: str | None = None
    correlation_id: str | None = None
    user_id: Any = None
    trace_id: Any = None
    event_id: Any = None


decoder: Final = msgspec.json.Decoder(Ids)


def read_ids(line: bytes, received: float) -> Ids:
    """What a line is found by; an odd member of it is none, and an odd time is that of its receipt."""
    try:
        return decoder.decode(line)
    except ValueError:  # as msgspec's faults are; a member may be odd and a later one of its name not
        pass
    try:
        members = read_object(line)
    except ValueError:
        members = {}
    moment = read_moment(members.get("timestamp")) or datetime.fromtimestamp(received, UTC)
    texts = {key: value for key, value in members.items() if isinstance(value, str)}
    return Ids(
        moment,
        texts.get("level"),
        texts.get("correlation_id"),
        *(members.get(kind) for kind in ("user_id", "trace_id", "event_id")),
    )


def id_text(value: object) -> str | None:
    """An id as text, also where a sender wrote it as a whole number; None for what is none."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def is_trace_id(value: str) -> bool:
    """Whether it is a W3C trace id, which is the correlation id too unless an application brings another."""
    return _TRACE_ID.fullmatch(value) is not None


def has_id(ids: Ids, kind: IdKind, value: str) -> bool:
    """Whether an event has exactly this id.

    One without a trace id belongs to the trace that its correlation id names.
    """
    if kind == "correlation_id":
        return ids.correlation_id == value
    if kind == "trace_id":
        own = id_text(ids.trace_id)
        return own == value if own is not None else ids.correlation_id == value and is_trace_id(value)
    return id_text(getattr(ids, kind)) == value


def needles(value: str) -> tuple[bytes, ...]:
    """One of these stands in every line that has this id, in whichever of JSON's ways it is written.

    A sender may write any character as a number, and some write those beyond ASCII so.
    """
    numbered = b"\\u00" if value.isascii() else b"\\u"
    if _WHOLE.fullmatch(value):
        return value.encode(), numbered
    quoted = msgspec.json.encode(value.encode("utf-8", "replace").decode())
    return tuple({quoted: None, quoted.replace(b"/", b"\\/"): None, numbered: None})

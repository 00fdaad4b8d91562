"""One refused event, as it is handed in and as it is kept."""

from __future__ import annotations

import binascii
from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec

from logweir_service.event import rfc3339

MAX_LINE_BYTES: Final = 256_000
"""Of a longer line this much is kept: what an event may have at most."""

_SCRUB_MARGIN_BYTES: Final = 4096
"""Scrubbed beyond that and then cut, so that a secret on the edge is still recognised as one."""


class NewLetter(NamedTuple):
    """An event that was refused just now, and why."""

    code: str
    field: str | None
    message: str
    line: bytes
    stream: str | None = None
    number: int | None = None
    """Its number in the stream, where it came in one."""


class Letter(msgspec.Struct, omit_defaults=True, frozen=True):
    """A refused event as it is kept: one line of a file in ``dead/``."""

    id: int
    """From 1 on; never given twice."""
    when: str
    """When it was received: RFC 3339, UTC."""
    code: str
    field: str | None
    message: str
    stream: str | None
    number: int | None
    line: str | None = None
    """The event as it came, but for secrets; None where that is no UTF-8."""
    line_base64: str | None = None
    """The same where it is no UTF-8."""
    truncated: bool = False
    """Only the beginning of the line is kept."""

    @property
    def raw(self) -> bytes:
        """The line in bytes, as far as it is kept."""
        if self.line is not None:
            return self.line.encode()
        return binascii.a2b_base64(self.line_base64 or "")

    @classmethod
    def of(
        cls, new: NewLetter, *, letter_id: int, received: float, scrub: Callable[[bytes], bytes]
    ) -> Letter:
        """The letter that is kept of an event, rid of secrets."""
        line = scrub(new.line[: MAX_LINE_BYTES + _SCRUB_MARGIN_BYTES])
        kept = _beginning(line)
        try:
            text, base64 = kept.decode(), None
        except UnicodeDecodeError:
            text, base64 = None, binascii.b2a_base64(kept, newline=False).decode()
        return cls(
            id=letter_id,
            when=rfc3339(received),
            code=new.code,
            field=new.field,
            message=new.message,
            stream=new.stream,
            number=new.number,
            line=text,
            line_base64=base64,
            truncated=len(kept) < len(line) or len(new.line) > MAX_LINE_BYTES + _SCRUB_MARGIN_BYTES,
        )


def decode_letter(line: bytes) -> Letter | None:
    """The letter on one line of a file; None where the line is damaged."""
    try:
        return _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def encode_letter(letter: Letter) -> bytes:
    """One line of a file."""
    return msgspec.json.encode(letter) + b"\n"


_decoder = msgspec.json.Decoder(Letter)


def _beginning(line: bytes) -> bytes:
    """What is kept of a line: no character is cut in two."""
    if len(line) <= MAX_LINE_BYTES:
        return line
    end = MAX_LINE_BYTES
    while end > MAX_LINE_BYTES - 3 and line[end] & 0xC0 == 0x80:
        end -= 1
    return line[:end]

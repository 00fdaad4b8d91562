"""The walk through one event: values of secret keys, and secrets in texts, at any depth."""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from logweir.redact import REDACTED

_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ELEMENTS = msgspec.json.Decoder(list[msgspec.Raw])
_TEXT = msgspec.json.Decoder(str)

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
_REDACTED = msgspec.json.encode(REDACTED)
_CONTAINERS = (b"{", b"[")

IDENTITY = frozenset(
    """
    timestamp level event service correlation_id event_id trace_id span_id parent_span_id
    """.split()
)
"""Top-level fields that have a grammar, or that others are found by: their texts stay as they were judged."""


class Walk:
    """One walk through one line; what needs nothing keeps its bytes."""

    def __init__(
        self,
        *,
        is_hidden: Callable[[str, bytes], bool],
        mask: Callable[[str], str],
        is_secret_number: Callable[[str], bool],
    ) -> None:
        self._is_hidden = is_hidden
        self._mask = mask
        self._is_secret_number = is_secret_number
        self._keys = 0
        self._anew = False

    def line(self, line: bytes, *, kept: frozenset[str] = IDENTITY) -> bytes:
        """The line itself, or where something was redacted the same object without it; `kept` fields stay.

        Of a key that stands twice the last counts, and the walk sees no other; so a line that holds more keys
        than were seen is written anew, at every depth.
        """
        walked = self._members(line, kept=kept)
        if self._keys == _STRING.sub(b"", line).count(b":"):
            return walked
        self._anew = True
        return self._members(line, kept=kept)

    def _value(self, raw: bytes) -> bytes:
        match raw[:1]:
            case b'"':
                return self._text(raw)
            case b"{":
                return self._members(raw)
            case b"[":
                return self._elements(raw)
        return _REDACTED if raw.isdigit() and self._is_secret_number(raw.decode()) else raw

    def _members(self, raw: bytes, kept: frozenset[str] = frozenset()) -> bytes:
        members = _MEMBERS.decode(raw)
        self._keys += len(members)
        walked: list[tuple[str, bytes]] = []
        is_same = not self._anew
        for key, value in members.items():
            old = bytes(value)
            new = old if key in kept and old[:1] not in _CONTAINERS else self._member(key, old)
            name = self._mask(key)
            is_same = is_same and new is old and name == key
            walked.append((name, new))
        return raw if is_same else _object(walked)

    def _member(self, key: str, old: bytes) -> bytes:
        return _REDACTED if self._is_hidden(key, old) else self._value(old)

    def _elements(self, raw: bytes) -> bytes:
        old = [bytes(element) for element in _ELEMENTS.decode(raw)]
        new = [self._value(element) for element in old]
        if all(after is before for before, after in zip(old, new, strict=True)):
            return raw
        return b"[%s]" % b",".join(new)

    def _text(self, raw: bytes) -> bytes:
        text = _TEXT.decode(raw)
        masked = self._mask(text)
        return raw if masked == text else msgspec.json.encode(masked)


def _object(members: list[tuple[str, bytes]]) -> bytes:
    return b"{%s}" % b",".join(b"%s:%s" % (msgspec.json.encode(key), value) for key, value in members)

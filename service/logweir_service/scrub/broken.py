"""What is no JSON as a whole, searched as far as its members can be made out."""

from __future__ import annotations

import re
from collections.abc import Callable

from logweir.redact import REDACTED

_ESCAPED = re.compile(r"\\(?:u00([2-7][0-9a-fA-F])|(/))")
_MAX_KEY_CHARACTERS = 128

_END_OF_KEY = re.compile(r'"\s{0,9}:\s{0,9}(?!null\b|"?\[redacted)')
"""Keys are looked for from their ends: to try each quote as a beginning would take minutes for some lines."""

_OPEN = re.compile(r"(?:true|false|-?[0-9][0-9.eE+-]*)(?=[\s,}\]])")
_SCALAR = re.compile(r'"(?:[^"\\]|\\.)*"?|[^\s,}\]]*')
_STRUCTURE = re.compile(r'"(?:[^"\\]|\\.)*"?|[{}\[\]]')


def mask_members(text: str, is_hidden: Callable[[str, bytes], bool]) -> str:
    """`text` without the values behind secret keys; a container that never ends is taken to the end.

    `is_hidden` is told the value where it is a number, true or false, else nothing.
    """
    parts: list[str] = []
    kept = 0
    while found := _END_OF_KEY.search(text, kept):
        value = _OPEN.match(text, found.end())
        if is_hidden(_key(text, start=kept, end=found.start()), value[0].encode() if value else b""):
            parts += text[kept : found.end()], REDACTED
            kept = _end_of_value(text, found.end())
        else:
            parts.append(text[kept : found.end()])
            kept = found.end()
    return "".join([*parts, text[kept:]])


def spelled_out(text: str) -> str:
    """`text` with the escapes resolved that may hide a word, but no quote and no backslash."""
    return _ESCAPED.sub(_spelled_out, text) if "\\" in text else text


def _spelled_out(found: re.Match[str]) -> str:
    character = found[2] or chr(int(found[1], 16))
    return found[0] if character in '"\\' else character


def _key(text: str, *, start: int, end: int) -> str:
    """What stands between the last quote before `end` that nothing escapes and `end`."""
    start = max(start, end - _MAX_KEY_CHARACTERS)
    quote = text.rfind('"', start, end)
    while quote > start and text[quote - 1] == "\\":
        quote = text.rfind('"', start, quote)
    return text[max(quote + 1, start) : end]


def _end_of_value(text: str, start: int) -> int:
    if text[start : start + 1] not in ("{", "["):
        scalar = _SCALAR.match(text, start)
        return scalar.end() if scalar else start
    depth = 0
    for token in _STRUCTURE.finditer(text, start):
        depth += (token[0] in ("{", "[")) - (token[0] in ("}", "]"))
        if depth == 0:
            return token.end()
    return len(text)

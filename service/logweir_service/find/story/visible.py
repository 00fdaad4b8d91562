"""Text from events, made safe to look at."""

from __future__ import annotations

import json
import unicodedata


def visible(text: str) -> str:
    """`text` on one line, with control, direction and other invisible characters escaped."""
    if text.isprintable():
        return text
    return "".join(
        character
        if character.isprintable() or unicodedata.category(character) == "Zs"
        else character.encode("unicode_escape").decode()
        for character in text
    )


def visible_json(line: bytes) -> bytes:
    """The same JSON, with characters that `visible` would escape as ``\\uXXXX``."""
    text = line.decode(errors="replace")
    if text.isprintable():
        return line
    return "".join(
        character
        if character.isprintable() or unicodedata.category(character) == "Zs"
        else json.dumps(character)[1:-1]
        for character in text
    ).encode()


def shown(value: object) -> str:
    """A field's value as `visible` text: nothing for null, a mark for what has parts."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, dict):
        return "{...}" if value else "{}"
    if isinstance(value, list):
        return "[...]" if value else "[]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)

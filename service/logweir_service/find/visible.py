"""Text from events, made safe to look at."""

from __future__ import annotations

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

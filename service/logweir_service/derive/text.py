"""The text that an event's value has as a label."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from logweir_service.event import Event, attribute
from logweir_service.rules import LabelRule

MAX_CHARACTERS: Final = 200

_UNPRINTABLE: Final = re.compile("[\x00\ud800-\udfff]")


class LabelType(TypeError):
    """A list, a map, or a number without end: a value that makes no label."""


def text_of(value: Any) -> str:
    """Text as it is, int as digits, bool as true or false, float in its shortest form; 200 characters.

    NUL ends a scrape for Prometheus and a lone surrogate is no UTF-8: both become U+FFFD. Raises `LabelType`.
    """
    if isinstance(value, str):
        return _UNPRINTABLE.sub("\ufffd", value[:MAX_CHARACTERS])
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and value.bit_length() <= 64:
        return str(value)
    if isinstance(value, float):
        return repr(value)
    raise LabelType


def labeller(rules: Sequence[LabelRule]) -> Callable[[Event], tuple[str, ...]]:
    """Make the function that gives an event's label texts in the order of `rules`; it raises `LabelType`."""
    makers = [_maker(rule) for rule in rules]

    def texts(event: Event) -> tuple[str, ...]:
        return tuple([make(event) for make in makers])

    return texts


def _maker(rule: LabelRule) -> Callable[[Event], str]:
    if rule.constant is not None:
        constant = text_of(rule.constant)
        return lambda _: constant
    attributes = [attribute(field) for field in rule.fields]
    change = _changer(rule)

    def make(event: Event) -> str:
        for name in attributes:
            value = getattr(event, name)
            if value is not None:
                return change(text_of(value))
        return rule.default

    return make


def _changer(rule: LabelRule) -> Callable[[str], str]:
    globs = None
    if rule.map is not None:
        globs = [(glob_pattern(glob), to) for glob, to in rule.map]

    def change(text: str) -> str:
        if rule.lower:
            text = text.lower()
        if globs is not None:
            text = next((to for pattern, to in globs if pattern.fullmatch(text)), rule.other)
        if rule.allow is not None and text not in rule.allow:
            text = rule.other
        return text[: rule.truncate]

    return change


def glob_pattern(glob: str) -> re.Pattern[str]:
    """A glob as an expression: ``*`` takes any characters, ``?`` one."""
    parts = (".*" if part == "*" else "." if part == "?" else re.escape(part) for part in glob)
    return re.compile("".join(parts), re.DOTALL)

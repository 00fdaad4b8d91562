"""What one term of a query asks of an event, in time linear in the event."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

Test: TypeAlias = Callable[[Any], bool]
"""Asks one value that is neither a list nor None."""

_UNALIKE: Final = re.compile(r"[^ !#-.0-\[\]-~]+")
"""What JSON may write in several ways: quotes, slashes, control characters, all that is not ASCII."""

_NUMERIC: Final = frozenset("0123456789+-.eE")
"""What numbers are written with, each in several ways."""

_LOWERED_FROM_OTHERS: Final = re.compile(r"[ki]+")
"""Besides K and I, the signs for kelvin and the dotted capital I are lowered to these."""


@dataclass(frozen=True, slots=True)
class Needle:
    """Bytes of every line that matches and has no ASCII character written as ``\\u00..``."""

    content: bytes
    any_case: bool = False
    """Whether it is to be looked for among lower-case bytes; it is lower-case itself."""


@dataclass(frozen=True, slots=True)
class FieldTerm:
    """A field has a value that passes a test; where it is a list, one of its elements does."""

    field: str
    test: Test
    negated: bool = False
    needles: tuple[Needle, ...] = ()

    @property
    def routes(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Where the value may stand: under the very name, or in maps as its dots say."""
        top, *inner = self.field.split(".")
        return ((self.field, ()), (top, tuple(inner))) if inner else ((self.field, ()),)


@dataclass(frozen=True, slots=True)
class TextTerm:
    """Some text or whole number in the event, at any depth, contains `parts` in this order, in any case."""

    parts: tuple[str, ...]
    negated: bool = False

    @property
    def needles(self) -> tuple[Needle, ...]:
        """The longest piece that every such line contains."""
        pieces = (_LOWERED_FROM_OTHERS.split(piece) for part in self.parts for piece in _UNALIKE.split(part))
        longest = max((each for split in pieces for each in split), key=len, default="")
        return (Needle(longest.encode(), any_case=True),) if longest else ()

    def __call__(self, members: dict[str, Any]) -> bool:
        """Whether an event with these members has such a value."""
        return any(in_order(self.parts, folded(text)) for text in _texts(members))


def field_needles(field: str) -> tuple[Needle, ...]:
    """What stands in every line that has this field."""
    return _solid(field.rpartition(".")[2], behind=b'"')


def equal_to(value: str) -> tuple[Test, tuple[Needle, ...]]:
    """Asks for this very text, or for the number or truth value that is written like this."""
    if value in ("true", "false"):
        return lambda found: found == value if isinstance(found, str) else found is (value == "true"), ()
    number = read_number(value)
    if number is None:
        return lambda found: bool(found == value), _solid(value, before=b'"', behind=b'"')
    return lambda found: found == value or (found == number and not isinstance(found, bool)), ()


def like(parts: tuple[str, ...]) -> tuple[Test, tuple[Needle, ...]]:
    """Asks for a text, or a number as it is written, that is `parts` with anything between them."""
    needles = [needle for part in parts if not _NUMERIC.issuperset(part) for needle in _solid(part)]
    first, *middle, last = parts
    least = len(first) + len(last)

    def test(found: Any) -> bool:
        text = written(found)
        return (
            text is not None
            and len(text) >= least
            and text.startswith(first)
            and text.endswith(last)
            and in_order(middle, text[len(first) : len(text) - len(last)])
        )

    return test, tuple(sorted(needles, key=lambda each: len(each.content))[-1:])


def in_order(parts: tuple[str, ...] | list[str], text: str) -> bool:
    """Whether `text` contains the parts one behind the other."""
    at = 0
    for part in parts:
        at = text.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return True


def folded(text: str) -> str:
    """`text` without the difference between capitals and small letters."""
    return text.lower().replace("\N{GREEK SMALL LETTER FINAL SIGMA}", "\N{GREEK SMALL LETTER SIGMA}")


def written(value: Any) -> str | None:
    """A scalar as JSON writes it, a text without quotes; None for what is no scalar."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, int | float) else None


def read_number(text: str) -> float | None:
    """The number that JSON reads from `text`, None where it is none that a float holds."""
    if not re.fullmatch(r"-?(0|[1-9]\d{0,300})(\.\d{1,300})?([eE][+-]?\d{1,3})?", text, re.ASCII):
        return None
    number: float = json.loads(text)
    return number if abs(number) < float("inf") else None


def leaves(value: Any) -> Iterator[Any]:
    """A value, or those in a list, however deep; nothing for null."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, list):
            waiting += each
        elif each is not None:
            yield each


def below(value: Any, inner: tuple[str, ...]) -> Iterator[Any]:
    """What stands in maps, and in lists of maps, under the keys `inner`, each of which leads deeper."""
    found = [*leaves(value)]
    for key in inner:
        found = [leaf for each in found if isinstance(each, dict) for leaf in leaves(each.get(key))]
    yield from found


def _texts(members: dict[str, Any]) -> Iterator[str]:
    """The texts and whole numbers among values, at any depth."""
    waiting: list[Any] = [members]
    while waiting:
        each = waiting.pop()
        if isinstance(each, str):
            yield each
        elif isinstance(each, dict):
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each
        elif isinstance(each, int) and not isinstance(each, bool):
            yield str(each)


def _solid(text: str, *, before: bytes = b"", behind: bytes = b"") -> tuple[Needle, ...]:
    """`text` between what stands around it, or the longest piece of it that JSON writes in one way only."""
    pieces = _UNALIKE.split(text)
    if len(pieces) == 1:
        return (Needle(before + text.encode() + behind),)
    longest = max(pieces, key=len)
    return (Needle(longest.encode()),) if longest else ()

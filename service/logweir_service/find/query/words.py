"""Reads a query such as ``service:api level:>=warning "two words" -event:http.*`` into its terms."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from logweir.fields import LEVELS, RESERVED

from .terms import FieldTerm, Needle, Test, TextTerm, equal_to, field_needles, folded, like, read_number

MAX_TEXT: Final = 2000
"""Characters of a query."""

MAX_TERMS: Final = 50

_ALWAYS_THERE: Final = frozenset({"event", "service", "level"})
"""They are required, and their values are in small letters."""

_FIELD: Final = re.compile(r"[^\W\d][\w.@-]*")
_ORDER: Final = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}
_ELSEWHERE: Final = frozenset({"AND", "OR", "NOT", "&&", "||"})
_COMPARED: Final = re.compile(r"(\w+)(==?|!=|[<>]=?)(.*)")


class BadQuery(ValueError):
    """A query that cannot be read; its text says in one line where, and what to write."""


class _Word(NamedTuple):
    at: int
    negated: bool
    field: str | None
    value: str
    quoted: bool


def read_terms(text: str) -> list[FieldTerm | TextTerm]:
    """The terms of a query, all of which have to hold.

    Raises:
        BadQuery: it is not of the language.
    """
    if len(text) > MAX_TEXT:
        raise BadQuery(f"the query is longer than {MAX_TEXT} characters")
    words = [*_words(text)]
    if len(words) > MAX_TERMS:
        raise BadQuery(f"the query has more than {MAX_TERMS} words")
    return [_term(word) for word in words]


def _words(text: str) -> Iterator[_Word]:
    at = _behind_space(text, 0)
    while at < len(text):
        begin, negated = at, text[at] == "-"
        at += negated
        end = at
        while end < len(text) and text[end] != '"' and not text[end].isspace():
            end += 1
        word = text[at:end]
        if end < len(text) and text[end] == '"' and (not word or word.endswith(":")):
            value, at = _quoted(text, end)
            if at < len(text) and not text[at].isspace():
                raise _bad(at, "a space is missing behind the quote")
            yield _Word(begin, negated, word[:-1] if word else None, value, quoted=True)
        elif end < len(text) and text[end] == '"':
            raise _bad(end, 'a quote within a word: put all of it in quotes, and \\" for this one')
        else:
            at = end
            field, colon, value = word.partition(":")
            yield _Word(begin, negated, field if colon else None, value if colon else word, quoted=False)
        at = _behind_space(text, at)


def _quoted(text: str, at: int) -> tuple[str, int]:
    """What stands between the quote at `at` and the next, and the place behind that."""
    found: list[str] = []
    begin = at
    at += 1
    while at < len(text):
        if text[at] == '"':
            return "".join(found), at + 1
        if text[at] == "\\":
            at += 1
            if text[at : at + 1] not in ('"', "\\"):
                raise _bad(at, 'behind a backslash in quotes may stand " or another backslash')
        found.append(text[at])
        at += 1
    raise _bad(begin, "the quote is not closed")


def _behind_space(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _bad(at: int, what: str) -> BadQuery:
    return BadQuery(f"the query cannot be read at character {at + 1}: {what}")


def _term(word: _Word) -> FieldTerm | TextTerm:
    if word.field is not None:
        return _field_term(word, word.field)
    if not word.quoted:
        _refuse_other_languages(word)
    parts = (word.value,) if word.quoted else tuple(word.value.split("*"))
    parts = tuple(folded(part) for part in parts if part)
    if not parts:
        raise _bad(word.at, "a text to look for is missing; for all events leave the query empty")
    return TextTerm(parts, word.negated)


def _refuse_other_languages(word: _Word) -> None:
    """Tell those who write another tool's language what this one says."""
    value = word.value
    if value in _ELSEWHERE:
        told = (
            f"'{value}' is not of this language: words must all hold and '-' negates; 'where' knows and, or"
        )
        raise _bad(word.at, f"{told}; in quotes it is a text")
    if value[:1] in ("(", ")") and value[1:] != "":
        raise _bad(word.at, "brackets are not of this language: 'where' knows them; in quotes it is a text")
    compared = _COMPARED.fullmatch(value)
    if compared and compared[1] in RESERVED:
        sign = "" if compared[2] in ("=", "==", "!=") else compared[2]
        minus = "-" if compared[2] == "!=" else ""
        told = f"{minus}{compared[1]}:{sign}{compared[3] or 'VALUE'}"
        raise _bad(word.at, f"write {told}; in quotes it is a text")


def _field_term(word: _Word, field: str) -> FieldTerm:
    value = word.value
    if not _FIELD.fullmatch(field):
        raise _bad(word.at, "what stands before ':' is no name of a field; put all of it in quotes as a text")
    if field == "timestamp":
        raise _bad(word.at, "the time is asked for by since and until, not by a word")
    if not word.quoted:
        _refuse_value(word, field)
    if field in _ALWAYS_THERE:
        value = value.lower()
    test, needles = _test(word, field, value)
    if field not in _ALWAYS_THERE:
        needles = (*needles, *field_needles(field))
    return FieldTerm(field, test, word.negated, needles)


def _refuse_value(word: _Word, field: str) -> None:
    if not word.value:
        raise _bad(word.at, f"a value is missing behind '{field}:'; for any value write {field}:*")
    if word.value.startswith("//"):
        raise _bad(word.at, "put an address in quotes to look for it as a text")
    if word.value[0] in "([{":
        raise _bad(word.at, f"brackets are not of this language: 'where' knows them, or {field}:\"...\"")


def _test(word: _Word, field: str, value: str) -> tuple[Test, tuple[Needle, ...]]:
    if word.quoted:
        return equal_to(value)
    sign = next((sign for sign in _ORDER if value.startswith(sign)), None)
    if sign is not None:
        return _compared(word, field, sign, value[len(sign) :]), ()
    if value == "*":
        return _is_there, ()
    if "*" in value:
        return like(tuple(value.split("*")))
    if field == "level" and value not in LEVELS:
        raise _bad(word.at, f"a level is one of {', '.join(LEVELS)}")
    return equal_to(value)


def _compared(word: _Word, field: str, sign: str, bound: str) -> Test:
    compare = _ORDER[sign]
    if field == "level":
        if bound not in LEVELS:
            raise _bad(word.at, f"a level is one of {', '.join(LEVELS)}, as in level:{sign}warning")
        fitting = {each for rank, each in enumerate(LEVELS) if compare(rank, LEVELS.index(bound))}
        return lambda found: isinstance(found, str) and found in fitting
    number = read_number(bound)
    if number is None:
        raise _bad(word.at, f"behind '{sign}' stands a number, as in {field}:{sign}0.5")

    def test(found: Any) -> bool:
        is_number = isinstance(found, int | float) and not isinstance(found, bool)
        return is_number and bool(compare(found, number))

    return test


def _is_there(_: Any) -> bool:
    return True

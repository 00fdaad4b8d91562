"""A query over stored events: which bytes a match must contain, which fields it reads, and its verdict."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from typing import Annotated, Any, Final

import msgspec

from logweir_service.event import attribute
from logweir_service.lenient import read_moment, read_object
from logweir_service.rules import FAULTS, BadExpression, Predicate, compile_predicate

from .terms import FieldTerm, Needle, TextTerm, below, equal_to
from .words import BadQuery, read_terms

__all__ = ["BadQuery", "Match", "Query"]

_ESCAPED_ASCII: Final = b"\\u00"
"""In front of a character that a sender has written as a number: needles may be written like this too."""


@dataclass(frozen=True, slots=True)
class Match:
    """An event that a query accepts."""

    index: int
    """Its place among the lines of its batch."""
    at: datetime
    """Its own clock."""
    line: bytes


@dataclass(frozen=True, slots=True)
class _Asked:
    """A term, and how its values are read from a decoded event."""

    term: FieldTerm
    routes: tuple[tuple[Callable[[Any], Any], tuple[str, ...]], ...]

    def holds(self, event: Any) -> bool:
        test = self.term.test
        for get, inner in self.routes:
            value = get(event)
            if value is None:
                continue
            is_plain = not inner and value.__class__ is not list
            if test(value) if is_plain else any(map(test, below(value, inner))):
                return not self.term.negated
        return self.term.negated


class Query:
    """What somebody looks for: words that all hold, and a condition in the language of rules.

    Its verdict on an event takes time linear in the event's line. One without words and condition accepts
    everything. Any thread may use it.
    """

    def __init__(self, text: str = "", *, where: str = "") -> None:
        """Read both.

        Raises:
            BadQuery: with one line that says where the fault is and what to write.
        """
        self.text, self.where = text, where
        terms = read_terms(text)
        self._condition = _condition(where)
        self._texts = [term for term in terms if isinstance(term, TextTerm)]
        asked = [term for term in terms if isinstance(term, FieldTerm)]
        names = _names(asked, self._condition)
        self.fields = frozenset(names)
        """The fields that it reads, besides the time."""
        self._asked = [
            _Asked(term, tuple((attrgetter(names[field]), inner) for field, inner in term.routes))
            for term in asked
        ]
        self._struct = _struct(names)
        self._json = msgspec.json.Decoder(self._struct)
        needles = [needle for term in terms if not term.negated for needle in term.needles]
        needles += _needles_of(self._condition)
        self._exact = tuple({each.content: None for each in needles if not each.any_case})
        self._any_case = tuple({each.content: None for each in needles if each.any_case})

    def may_match(self, lines: bytes) -> bool:
        """Whether one of these lines could be accepted, by their bytes alone."""
        if _ESCAPED_ASCII in lines:
            return True
        if not all(needle in lines for needle in self._exact):
            return False
        if not self._any_case:
            return True
        lowered = lines.lower()
        return all(needle in lowered for needle in self._any_case)

    def matches(self, lines: bytes) -> Iterator[Match]:
        """The events of NDJSON that are accepted, in order; an empty line is none, and takes its place."""
        if not self.may_match(lines):
            return
        found = [*self._candidates(lines)]
        for (index, line), event in zip(found, self._decoded([line for _, line in found]), strict=True):
            if event is not None and self._accepts(event, line):
                yield Match(index, event.timestamp, line)

    def _candidates(self, lines: bytes) -> Iterator[tuple[int, bytes]]:
        """The lines that may match, and their places. One needle is looked for in all of them at once."""
        needle = max((*self._exact, *self._any_case), key=len, default=b"")
        if not needle or _ESCAPED_ASCII in lines:
            for index, line in enumerate(lines.split(b"\n")[:-1]):
                if line and (not needle or self.may_match(line)):
                    yield index, line
            return
        is_only_one = len(self._exact) + len(self._any_case) == 1
        text = lines if needle in self._exact else lines.lower()
        index = counted = at = 0
        while (hit := text.find(needle, at)) >= 0:
            begin, end = lines.rfind(b"\n", at, hit) + 1 or at, lines.find(b"\n", hit)
            index += lines.count(b"\n", counted, begin)
            counted = begin
            at = end + 1
            line = lines[begin:end]
            if is_only_one or self.may_match(line):
                yield index, line

    def accepts(self, line: bytes) -> bool:
        """Whether the event on this line is accepted."""
        return next(self.matches(line + b"\n"), None) is not None

    def _accepts(self, event: Any, line: bytes) -> bool:
        if not all(asked.holds(event) for asked in self._asked):
            return False
        if self._condition is not None:
            try:
                if not self._condition(event):
                    return False
            except FAULTS:
                return False
        return not self._texts or self._contains(line)

    def _contains(self, line: bytes) -> bool:
        try:
            members = msgspec.json.decode(line)
        except ValueError:
            members = read_object(line)
        return all(term(members) is not term.negated for term in self._texts)

    def _decoded(self, lines: list[bytes]) -> list[Any]:
        try:
            return self._json.decode_lines(b"\n".join(lines))
        except ValueError:  # as msgspec's faults are
            return [self._leniently(line) for line in lines]

    def _leniently(self, line: bytes) -> Any:
        """One event, whatever the journal has accepted; None for what cannot be read."""
        try:
            return self._json.decode(line)
        except ValueError:
            pass
        try:
            members = read_object(line)
            members["timestamp"] = read_moment(members.get("timestamp")) or _NEVER
            return msgspec.convert(members, self._struct)
        except ValueError:
            return None


_NEVER: Final = datetime.min.replace(tzinfo=UTC)


def _condition(where: str) -> Predicate | None:
    if not where.strip():
        return None
    try:
        return compile_predicate(where)
    except BadExpression as fault:
        raise BadQuery(f"where {fault}") from None


def _names(asked: Iterable[FieldTerm], condition: Predicate | None) -> dict[str, str]:
    """The fields that are read, and the attributes that hold them."""
    names = {field: attribute(field) for field in condition.fields} if condition else {}
    for term in asked:
        for field, _ in term.routes:
            names.setdefault(field, f"asked_{len(names)}_")
    return names


def _struct(names: dict[str, str]) -> Any:
    members = [(name, Any, msgspec.field(name=field, default=None)) for field, name in names.items()]
    return msgspec.defstruct(
        "Event",
        [("timestamp", Annotated[datetime, msgspec.Meta(tz=True)]), *members],
        kw_only=True,
        gc=False,
    )


def _needles_of(condition: Predicate | None) -> list[Needle]:
    """What a condition's outer comparisons of a field with a text need."""
    if condition is None:
        return []
    tree = condition.tree
    is_all = isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.And)
    found: list[Needle] = []
    for part in tree.values if is_all and isinstance(tree, ast.BoolOp) else [tree]:
        match part:
            case ast.Compare(
                left=ast.Name(), ops=[ast.Eq()], comparators=[ast.Constant(value=str() as text)]
            ):
                found += equal_to(text)[1]
    return found

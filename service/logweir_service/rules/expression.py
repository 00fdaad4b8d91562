"""Conditions on events: a safe subset of Python's expressions, compiled once.

A condition reads fields by name; an absent or null field is None. ``==``, ``!=``, ``in`` and ``is None`` work
on None, ordering against it is false, and every other clash of types raises one of `FAULTS` when it is asked,
never anything else. Arithmetic takes numbers only, so that no sender can make a rule build a gigabyte of
text. A field named like a Python keyword is written with an underscore behind it: ``class_``.
What the event's level and name settle is settled first, once per pair of them and not once per event.
"""

from __future__ import annotations

import ast
import keyword
import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import re2

from logweir_service.event import attribute

MAX_TEXT = 2000
"""Characters of an expression; longer ones are mistakes, and Python's parser has its own limits."""

MAX_DEPTH = 40

FAULTS: Final = (TypeError, ValueError, ArithmeticError, LookupError)
"""What a predicate may raise when an event's values do not fit it."""


class BadExpression(ValueError):
    """An expression outside the subset; its text says which part."""


def compile_predicate(text: str) -> Predicate:
    """Compile a condition such as ``level in ("error", "critical") and total > 0``.

    Raises `BadExpression` for anything outside the subset.
    """
    if len(text) > MAX_TEXT:
        raise BadExpression(f"is longer than {MAX_TEXT} characters")
    if not text.strip():
        raise BadExpression("is not an expression: it is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            tree = ast.parse(f"({text}\n)", mode="eval").body  # on any lines, with comments at their ends
    except (SyntaxError, ValueError, Warning, RecursionError, MemoryError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else "Python cannot read it"
        raise BadExpression(f"is not an expression: {reason}") from None
    if _depth(tree) > MAX_DEPTH:
        raise BadExpression(f"is nested deeper than {MAX_DEPTH}")
    writer = _Writer({}, lambda name: f"e.{attribute(name)}")
    source = writer.condition(tree)
    scope = dict(SCOPE)
    exec(f"def test(e):\n    return bool({source})", scope)  # noqa: S102 - the source is made of checked parts
    return Predicate(text=text, fields=frozenset(writer.fields), tree=tree, test=scope["test"])


@dataclass(frozen=True, slots=True)
class Predicate:
    """A compiled condition. Called with an event, it answers, or raises one of `FAULTS`."""

    text: str
    fields: frozenset[str] = field(compare=False)
    tree: ast.expr = field(compare=False, repr=False)
    test: Callable[[Any], bool] = field(compare=False, repr=False)

    def __call__(self, event: Any) -> bool:
        """Whether the event meets the condition."""
        return self.test(event)

    def source(
        self, known: Mapping[str, str], name: Callable[[str], str] = lambda field: f"e.{attribute(field)}"
    ) -> bool | str:
        """Its Python source where the fields `known` have these values; a bool where they settle it.

        The source needs `SCOPE` around it; `name` gives the source of a field.
        """
        return _Writer(known, name).condition(self.tree)


def _refuse_always(node: ast.expr) -> None:
    """Refuse what is no condition and would always be true, as in ``level == "error" or "critical"``."""
    if isinstance(node, _LISTS):
        raise BadExpression(f"asks nothing with '{ast.unparse(node)[:60]}'; join conditions with 'and', 'or'")
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        raise BadExpression(f"asks nothing with the text {node.value[:60]!r}; compare it with a field")


def _number(value: Any) -> Any:
    if value.__class__ is int or value.__class__ is float:
        return value
    raise TypeError("not a number")


def _item(container: Any, key: str | int) -> Any:
    """The part of a map or list, None where there is none."""
    if container is None:
        return None
    if isinstance(container, dict) and isinstance(key, str):
        return container.get(key)
    if isinstance(container, list) and isinstance(key, int):
        return container[key] if -len(container) <= key < len(container) else None
    raise TypeError("has no such part")


def _matches(text: Any, pattern: str) -> bool:
    if not isinstance(text, str):
        raise TypeError("not a text")
    return _compiled(pattern).search(text) is not None


@lru_cache(maxsize=1000)
def _compiled(pattern: str) -> Any:
    """A regular expression of RE2, which takes linear time.

    Raises:
        BadExpression: it is none.
    """
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MAX_PATTERN_BYTES
    try:
        return re2.compile(pattern, options)
    except re2.error as fault:
        raise BadExpression(f"holds a pattern that RE2 does not take: {_text_of(fault)}") from None


def _text_of(fault: Exception) -> str:
    reason = fault.args[0] if fault.args else fault
    return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)


def _within(value: Any, container: Any) -> bool:
    return value is not None and container is not None and value in container


SCOPE: Final[Mapping[str, Any]] = {
    "_number": _number,
    "_item": _item,
    "_within": _within,
    "_len": len,
    "_lower": str.lower,
    "_upper": str.upper,
    "_startswith": str.startswith,
    "_endswith": str.endswith,
    "_matches": _matches,
}
"""The names that a predicate's source uses beside fields."""

_CALLS: Final = {"len": 1, "lower": 1, "upper": 1, "startswith": 2, "endswith": 2, "matches": 2}
_MAX_PATTERN_BYTES: Final = 1 << 20
_MISSPELT: Final = {"true": "True", "false": "False", "null": "None", "none": "None"}
_ARITHMETIC: Final = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
}
_ORDER: Final = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}


class _Writer:
    """Writes a tree as Python source; a condition that the known fields settle becomes a bool."""

    def __init__(self, known: Mapping[str, str], name: Callable[[str], str]) -> None:
        self.fields: set[str] = set()
        self._known = known
        self._name = name
        self._temporaries = 0

    def condition(self, node: ast.expr) -> bool | str:
        _refuse_always(node)
        if isinstance(node, ast.BoolOp):
            return self._junction(node)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            inner = self.condition(node.operand)
            return not inner if isinstance(inner, bool) else f"(not {inner})"
        if isinstance(node, ast.IfExp):
            return self._choice(node)
        source = self._comparison(node) if isinstance(node, ast.Compare) else self._value(node)
        return self._settled(node, source)

    def _junction(self, node: ast.BoolOp) -> bool | str:
        absorbing = isinstance(node.op, ast.Or)
        parts = [self.condition(part) for part in node.values]
        if any(part is absorbing for part in parts):
            return absorbing
        open_parts = [part for part in parts if isinstance(part, str)]
        if not open_parts:
            return not absorbing
        return f"({(' or ' if absorbing else ' and ').join(open_parts)})"

    def _choice(self, node: ast.IfExp) -> bool | str:
        test, then, otherwise = (self.condition(part) for part in (node.test, node.body, node.orelse))
        if isinstance(test, bool):
            return then if test else otherwise
        return f"({then} if {test} else {otherwise})"

    def _settled(self, node: ast.expr, source: str) -> bool | str:
        """The answer, where the condition reads nothing but what is known and does not fail."""
        if _names(node) - self._known.keys():
            return source
        try:
            return bool(eval(source, dict(SCOPE)))  # noqa: S307 - the source is made of checked parts
        except FAULTS:
            return source

    def _comparison(self, node: ast.Compare) -> str:
        operands = [node.left, *node.comparators]
        sources = [self._operand(operand) for operand in operands]
        parts = []
        for index, operator in enumerate(node.ops):
            left, right = sources[index], sources[index + 1]
            parts.append(
                self._relation(operator, left, right, literal=isinstance(operands[index + 1], _LISTS))
            )
        return f"({' and '.join(parts)})"

    def _operand(self, node: ast.expr) -> _Operand:
        if isinstance(node, ast.Name):
            return _Operand(self._value(node))
        if isinstance(node, ast.Constant | _LISTS):
            return _Operand(self._value(node), never_none=self._value(node) != "None")
        self._temporaries += 1
        return _Operand(self._value(node), temporary=f"_t{self._temporaries}")

    def _relation(self, operator: ast.cmpop, left: _Operand, right: _Operand, *, literal: bool) -> str:
        if type(operator) in _ORDER:
            present = "".join(f"{side} is not None and " for side in (left, right) if not side.never_none)
            return f"({present}{left} {_ORDER[type(operator)]} {right})"
        if isinstance(operator, ast.In | ast.NotIn):
            inside = f"({left} in {right})" if literal else f"_within({left}, {right})"
            return inside if isinstance(operator, ast.In) else f"(not {inside})"
        if isinstance(operator, ast.Eq | ast.NotEq):
            return f"({left} {'==' if isinstance(operator, ast.Eq) else '!='} {right})"
        if right.source != "None":
            raise BadExpression("uses 'is' with something other than None; write '=='")
        return f"({left} is {'not ' if isinstance(operator, ast.IsNot) else ''}None)"

    def _value(self, node: ast.expr) -> str:
        match node:
            case ast.Name():
                return self._field(node.id)
            case ast.Constant():
                return _constant(node.value)
            case ast.Tuple() | ast.List() | ast.Set():
                return f"({''.join(f'{self._value(part)}, ' for part in node.elts)})"
            case ast.BinOp() if type(node.op) in _ARITHMETIC:
                operator = _ARITHMETIC[type(node.op)]
                return f"({self._operated(node.left)} {operator} {self._operated(node.right)})"
            case ast.UnaryOp(op=ast.USub() | ast.UAdd()):
                return f"({'-' if isinstance(node.op, ast.USub) else '+'}{self._operated(node.operand)})"
            case ast.IfExp():
                test = self.condition(node.test)
                return f"({self._value(node.body)} if {test} else {self._value(node.orelse)})"
            case ast.Subscript(slice=ast.Constant(value=str() | int() as key)):
                return f"_item({self._value(node.value)}, {key!r})"
            case ast.Call():
                return self._call(node)
        raise BadExpression(f"may not contain '{ast.unparse(node)[:60]}' here")

    def _field(self, name: str) -> str:
        if name in _MISSPELT:
            raise BadExpression(f"reads a field '{name}' (did you mean '{_MISSPELT[name]}'?)")
        if name in self._known:
            return repr(self._known[name])
        if keyword.iskeyword(name[:-1]) and name[-1] == "_":
            name = name[:-1]
        if name == "timestamp" or name.startswith("__"):
            raise BadExpression(f"may not read the field '{name}'")
        if not name.isascii():
            raise BadExpression(f"reads a field whose name is not ASCII: '{name}'")
        self.fields.add(name)
        return self._name(name)

    def _operated(self, node: ast.expr) -> str:
        source = self._value(node)
        if isinstance(node, ast.Constant):
            if type(node.value) not in (int, float):
                raise BadExpression(f"calculates with {source}, which is not a number")
            return source
        return source if isinstance(node, ast.BinOp) else f"_number({source})"

    def _call(self, node: ast.Call) -> str:
        name = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func)
        if name not in _CALLS:
            raise BadExpression(f"may not call '{name}', only {', '.join(_CALLS)}")
        if node.keywords or len(node.args) != _CALLS[name]:
            raise BadExpression(f"calls '{name}' with another number of arguments than {_CALLS[name]}")
        if name == "matches":
            return self._pattern(*node.args)
        return f"_{name}({', '.join(self._value(argument) for argument in node.args)})"

    def _pattern(self, text: ast.expr, pattern: ast.expr) -> str:
        if not (isinstance(pattern, ast.Constant) and isinstance(pattern.value, str)):
            raise BadExpression("calls 'matches' with a pattern that is no constant text")
        _compiled(pattern.value)
        return f"_matches({self._value(text)}, {pattern.value!r})"


_LISTS = ast.Tuple | ast.List | ast.Set


class _Operand:
    """A side of a comparison. Written more than once, it is still worked out once."""

    def __init__(self, source: str, *, never_none: bool = False, temporary: str | None = None) -> None:
        self.source = source
        self.never_none = never_none
        self._temporary = temporary
        self._written = False

    def __str__(self) -> str:
        if self._temporary is None:
            return self.source
        if self._written:
            return self._temporary
        self._written = True
        return f"({self._temporary} := {self.source})"


def _constant(value: object) -> str:
    if value is None or isinstance(value, str | bool | int):
        return repr(value)
    if isinstance(value, float) and math.isfinite(value):
        return repr(value)
    raise BadExpression(f"contains the constant {str(value)[:60]}, which no field can hold")


def _names(node: ast.expr) -> set[str]:
    """The fields read below a node."""
    called = {id(part.func) for part in ast.walk(node) if isinstance(part, ast.Call)}
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and id(part) not in called}


def _depth(node: ast.AST) -> int:
    deepest = 0
    level: list[ast.AST] = [node]
    while level:
        deepest += 1
        level = [child for parent in level for child in ast.iter_child_nodes(parent)]
    return deepest

"""As much of JSON Schema (draft 7) as the schema of the rules uses, and not a word more."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

PATH: Final = Path(__file__).parents[3] / "docs" / "rules.schema.json"
SCHEMA: Final[Mapping[str, Any]] = json.loads(PATH.read_text())

_TYPES: Final[Mapping[str, Callable[[Any], bool]]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
}
_SILENT: Final = {"$schema", "title", "description", "definitions", "then", "else"}


def faults(value: Any, schema: Any = SCHEMA, place: str = "") -> Iterator[str]:
    """Where a value does not fit."""
    if schema is False:
        yield f"{place}: must not be there"
        return
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/definitions/")
        yield from faults(value, SCHEMA["definitions"][name], place)
        return
    for word, wanted in schema.items():
        if word not in _SILENT:
            yield from _WORDS[word](value, wanted, schema, place)


def fits(value: Any, schema: Any) -> bool:
    return not [*faults(value, schema)]


def _is_of_type(value: Any, names: Any) -> bool:
    return any(_TYPES[name](value) for name in ([names] if isinstance(names, str) else names))


def _check(is_fine: Callable[[Any, Any], bool]) -> Callable[..., Iterator[str]]:
    def check(value: Any, wanted: Any, _: Any, place: str) -> Iterator[str]:
        if not is_fine(value, wanted):
            yield f"{place}: {str(value)[:60]!r} is not {str(wanted)[:60]}"

    return check


def _properties(value: Any, wanted: Any, schema: Any, place: str) -> Iterator[str]:
    for key in wanted.keys() & value.keys() if isinstance(value, dict) else ():
        yield from faults(value[key], wanted[key], f"{place}/{key}")


def _further(value: Any, wanted: Any, schema: Any, place: str) -> Iterator[str]:
    for key in value.keys() - schema.get("properties", {}).keys() if isinstance(value, dict) else ():
        yield from faults(value[key], wanted, f"{place}/{key}")


def _items(value: Any, wanted: Any, _: Any, place: str) -> Iterator[str]:
    for index, item in enumerate(value) if isinstance(value, list) else ():
        yield from faults(item, wanted, f"{place}/{index}")


def _every(value: Any, wanted: Any, _: Any, place: str) -> Iterator[str]:
    for each in wanted:
        yield from faults(value, each, place)


def _if(value: Any, wanted: Any, schema: Any, place: str) -> Iterator[str]:
    branch = "then" if fits(value, wanted) else "else"
    if branch in schema:
        yield from faults(value, schema[branch], place)


def _is(value: Any, constant: Any) -> bool:
    return value == constant and isinstance(value, bool) == isinstance(constant, bool)


_WORDS: Final[Mapping[str, Callable[..., Iterator[str]]]] = {
    "type": _check(_is_of_type),
    "const": _check(_is),
    "enum": _check(lambda value, options: value in options),
    "pattern": _check(lambda value, text: not isinstance(value, str) or bool(re.search(text, value))),
    "minLength": _check(lambda value, least: not isinstance(value, str) or len(value) >= least),
    "maxLength": _check(lambda value, most: not isinstance(value, str) or len(value) <= most),
    "minimum": _check(lambda value, least: not _is_of_type(value, "number") or value >= least),
    "maximum": _check(lambda value, most: not _is_of_type(value, "number") or value <= most),
    "minItems": _check(lambda value, least: not isinstance(value, list) or len(value) >= least),
    "maxItems": _check(lambda value, most: not isinstance(value, list) or len(value) <= most),
    "required": _check(lambda value, keys: not isinstance(value, dict) or set(keys) <= value.keys()),
    "propertyNames": _check(
        lambda value, names: not isinstance(value, dict) or all(fits(key, names) for key in value)
    ),
    "anyOf": _check(lambda value, options: any(fits(value, each) for each in options)),
    "oneOf": _check(lambda value, options: sum(fits(value, each) for each in options) == 1),
    "properties": _properties,
    "additionalProperties": _further,
    "items": _items,
    "allOf": _every,
    "if": _if,
}

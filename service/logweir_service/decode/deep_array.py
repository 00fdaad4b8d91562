"""An array with an element nested so deep that no parser goes down there: taken apart by its brackets."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_TOKENS = re.compile(
    rb'(?P<string>"(?:[^"\\]++|\\.)*+"?)|(?P<open>[\[{]++)|(?P<close>[\]}]++)|[^"\[\]{}]++', re.DOTALL
)
"""Strings, runs of brackets, and what stands between; a string without an end reaches to that of the body."""


@dataclass(frozen=True, slots=True)
class Element:
    """One element as it came, and how deep it is nested, itself being the first level."""

    text: bytes
    depth: int

    @property
    def is_closed(self) -> bool:
        """Whether it begins with a bracket and ends with one, as all that is nested does."""
        return self.text[:1] in (b"[", b"{") and self.text[-1:] in (b"]", b"}")


def take_apart(array: bytes, *, at_most: int) -> Sequence[Element]:
    """The elements of an array. What stands between two commas of it is one, whatever it holds.

    It stops at the first beyond `at_most`, which is the last that is given back then.

    Raises:
        ValueError: a bracket is missing, or one too many.
    """
    elements: list[Element] = []
    begin, depth, deepest, end = 1, 0, 0, len(array.rstrip())
    for token in _TOKENS.finditer(array):
        match token.lastgroup:
            case "open":
                depth += token.end() - token.start()
                deepest = max(deepest, depth)
            case "close":
                depth -= token.end() - token.start()
            case None if depth == 1:
                while (comma := array.find(b",", max(begin, token.start()), token.end())) >= 0:
                    elements.append(Element(array[begin:comma].strip(), deepest - 1))
                    begin, deepest = comma + 1, depth
                    if len(elements) > at_most:
                        return elements
        if depth <= 0:
            if depth < 0 or token.end() != end or array[end - 1 : end] != b"]":
                raise ValueError("its brackets do not match")
            return [*elements, Element(array[begin : end - 1].strip(), deepest - 1)]
    raise ValueError("it ends too early")

"""Typed and strict reading of one mapping of a rule file."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from .document import Node, Problems

DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", re.ASCII)
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class Section:
    """A mapping whose keys are known beforehand, each asked for by its type; every misfit is a problem.

    ``later`` are keys of the language that this version does not do yet: they are refused, not passed over.
    """

    def __init__(
        self, node: Node, problems: Problems, *, what: str, keys: Collection[str], later: Collection[str] = ()
    ) -> None:
        self.node = node
        self.problems = problems
        self._entries: Mapping[str, Node] = node.value if isinstance(node.value, dict) else {}
        if not isinstance(node.value, dict):
            problems.add(node, f"{what} must be a mapping")
        for key, entry in self._entries.items():
            if key in later:
                problems.add(entry, f"'{key}' is not supported yet")
            elif key not in keys:
                problems.add(entry, f"unknown key '{key}' in {what}", word=key, known=keys)

    def has(self, key: str) -> bool:
        """Whether the key stands there."""
        return key in self._entries

    def entry(self, key: str) -> Node:
        """The value of a key; the section itself where it is absent, so that a problem has a line."""
        return self._entries.get(key, self.node)

    def problem(self, key: str, text: str, *, word: str = "", known: Iterable[str] = ()) -> None:
        """Note a problem at a key."""
        self.problems.add(self.entry(key), text, word=word, known=known)

    def text(self, key: str, default: str = "") -> str:
        """A text that is not empty."""
        if key not in self._entries:
            return default
        value = self._entries[key].value
        if isinstance(value, str) and value:
            return value
        self.problem(key, f"'{key}' must be a text")
        return default

    def required(self, key: str) -> str:
        """A text that must stand there; '' and a problem where it does not."""
        if key not in self._entries:
            self.problem(key, f"'{key}' is missing")
        return self.text(key)

    def choice(self, key: str, options: Collection[str], default: str) -> str:
        """One of a few words."""
        if key not in self._entries:
            return default
        word = self._entries[key].text
        if word in options:
            return word
        self.problem(key, f"'{key}' must be one of {', '.join(options)}", word=word, known=options)
        return default

    def flag(self, key: str, default: bool = False) -> bool:
        """A boolean."""
        value = self._entries[key].value if key in self._entries else default
        if isinstance(value, bool):
            return value
        self.problem(key, f"'{key}' must be true or false")
        return default

    def number(self, key: str, default: float, *, least: float, most: float = float("inf")) -> float:
        """A number within bounds."""
        value = self._entries[key].value if key in self._entries else default
        if isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most:
            return value
        self.problem(
            key, f"'{key}' must be a number from {least:g}{f' to {most:g}' if most < 1e300 else ' on'}"
        )
        return default

    def whole(self, key: str, default: int, *, least: int, most: int) -> int:
        """A whole number within bounds."""
        value = self._entries[key].value if key in self._entries else default
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        self.problem(key, f"'{key}' must be a whole number from {least} to {most}")
        return default

    def seconds(self, key: str, default: float) -> float:
        """A duration such as ``500ms``, ``10s``, ``5m``, ``1h``, ``7d``."""
        if key not in self._entries:
            return default
        match = DURATION.fullmatch(self._entries[key].text)
        if match:
            return float(match[1]) * _SECONDS[match[2]]
        self.problem(key, f"'{key}' must be a duration such as 500ms, 10s, 5m, 1h or 7d")
        return default

    def durations(self, key: str, default: Mapping[str, float]) -> Mapping[str, float]:
        """A list of durations: each as it was written, and its seconds."""
        if key not in self._entries:
            return default
        found = {text: DURATION.fullmatch(text) for text in self.texts(key)}
        if not found or not all(found.values()):
            self.problem(key, f"'{key}' must be a list of durations such as 5m, 1h or 7d")
        return {text: float(match[1]) * _SECONDS[match[2]] for text, match in found.items() if match}

    def texts(self, key: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """A scalar, or a list of scalars, each as it was written."""
        if key not in self._entries:
            return default
        entry = self._entries[key]
        parts = entry.value if isinstance(entry.value, tuple) else (entry,)
        if parts and all(
            part.value is not None and not isinstance(part.value, tuple | dict) for part in parts
        ):
            return tuple(part.text for part in parts)
        self.problem(key, f"'{key}' must be a text or a list of texts")
        return default

    def pairs(self, key: str) -> dict[str, Node]:
        """A mapping with keys of the writer's choice."""
        if key not in self._entries:
            return {}
        value = self._entries[key].value
        if isinstance(value, dict):
            return value
        self.problem(key, f"'{key}' must be a mapping")
        return {}

    def items(self, key: str) -> tuple[Node, ...]:
        """A list."""
        if key not in self._entries:
            return ()
        value = self._entries[key].value
        if isinstance(value, tuple):
            return value
        self.problem(key, f"'{key}' must be a list")
        return ()

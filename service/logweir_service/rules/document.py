"""A YAML file as a tree that knows its lines, read strictly: an oddity is a problem and stops nothing.

YAML 1.2 (``on`` and ``no`` are texts). Duplicate keys, tags and more than one document are problems. Problems
gather in one list, so that whoever mends a file sees all of them at once.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

_TAG: Final = "tag:yaml.org,2002:"

_KINDS: Final = {
    MappingNode: ("map",),
    SequenceNode: ("seq",),
    ScalarNode: ("str", "timestamp", "merge", "value", "int", "float", "bool", "null"),
}
"""The tags that each may have, said or not."""

_UNPRINTABLE: Final = re.compile("[\x00\ud800-\udfff]")
"""What an escape can put into a text, and no exposition can hold."""


class Problems:
    """What is wrong with the rules, one ``file:line: text`` each; without a line where there is none."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def add(self, node: Node, text: str, *, word: str = "", known: Iterable[str] = ()) -> None:
        """Note a problem, with what was probably meant by `word` among the words `known`."""
        close = difflib.get_close_matches(word, list(known), n=1)
        hint = f" (did you mean '{close[0]}'?)" if close else ""
        self.found.append(f"{node.place}: {text}{hint}")


@dataclass(frozen=True, slots=True)
class Node:
    """A value and where it stands: None, bool, int, float, str, or a tuple or dict of nodes."""

    file: str
    line: int
    """That of the key in front of it, where there is one; 0 for what is no line of a file."""
    value: Any
    text: str = ""
    """A scalar as it was written."""

    @property
    def place(self) -> str:
        """Where a problem with it is mended."""
        return f"{self.file}:{self.line}" if self.line else self.file


def read_yaml(file: str, text: str, problems: Problems) -> Node | None:
    """Read one file; None and one problem where it is not YAML at all."""
    first_line = Node(file, 1, None)
    yaml: Any = YAML(typ="safe", pure=True)
    try:
        root = yaml.compose(text)
        if root is not None:
            return _Tree(file, yaml, problems).node(root, root.start_mark.line + 1)
    except RecursionError:
        problems.add(first_line, "is nested too deep")
        return None
    except YAMLError as error:
        mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
        reason = error.problem if isinstance(error, MarkedYAMLError) else str(error).splitlines()[0]
        problems.add(Node(file, mark.line + 1 if mark else 1, None), f"is not YAML: {reason}")
        return None
    problems.add(first_line, "is empty")
    return None


class _Tree:
    """Turns ruamel's nodes into ours; an alias is read once, so that no file grows while it is read."""

    def __init__(self, file: str, yaml: Any, problems: Problems) -> None:
        self._file = file
        self._yaml = yaml
        self._problems = problems
        self._read: dict[int, Node | None] = {}

    def node(self, raw: Any, line: int) -> Node:
        known = self._read.get(id(raw), ...)
        if isinstance(known, Node):
            return Node(self._file, line, known.value, known.text)
        if known is None:
            self._problems.add(Node(self._file, line, None), "an alias contains itself")
            return Node(self._file, line, None)
        self._read[id(raw)] = None
        node = self._made(raw, line)
        self._read[id(raw)] = node
        return node

    def _made(self, raw: Any, line: int) -> Node:
        kind = str(raw.tag).removeprefix(_TAG)
        if kind not in _KINDS[type(raw)]:
            self._problems.add(Node(self._file, line, None), f"the tag '{raw.tag}' is not supported")
        match raw:
            case MappingNode():
                return Node(self._file, line, self._mapping(raw))
            case SequenceNode():
                parts = tuple(self.node(part, part.start_mark.line + 1) for part in raw.value)
                return Node(self._file, line, parts)
        return Node(self._file, line, self._scalar(raw, kind, line), raw.value)

    def _mapping(self, raw: MappingNode) -> dict[str, Node]:
        entries: dict[str, Node] = {}
        for key, value in raw.value:
            line = key.start_mark.line + 1
            here = Node(self._file, line, None)
            if not isinstance(key, ScalarNode):
                self._problems.add(here, "a key must be a text")
            elif key.value in entries:
                self._problems.add(here, f"the key '{key.value}' stands here twice")
            else:
                entries[key.value] = self.node(value, line)
        return entries

    def _scalar(self, raw: ScalarNode, kind: str, line: int) -> Any:
        if kind in ("str", "timestamp", "merge", "value"):
            if _UNPRINTABLE.search(raw.value):
                self._problems.add(
                    Node(self._file, line, None), "a text may not hold NUL or half a surrogate pair"
                )
            return raw.value
        if kind in ("int", "float", "bool", "null"):
            try:
                return self._yaml.constructor.construct_object(raw)
            except (ValueError, LookupError):  # a tag on what is none, or more digits than Python reads
                text = raw.value if len(raw.value) <= 40 else f"{raw.value[:37]}..."
                self._problems.add(Node(self._file, line, None), f"'{text}' cannot be read as {kind}")
        return raw.value

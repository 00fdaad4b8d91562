"""The text of each rule, as it stands in the file that it was read from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from .model import RuleSource

Section = Literal["metrics", "promote", "store", "scrub"]

_SECTIONS: Final[tuple[Section, ...]] = ("metrics", "promote", "store", "scrub")


@dataclass(frozen=True, slots=True)
class Excerpt:
    """One rule's lines."""

    section: Section
    name: str
    """Of a metric or promote rule; the others have none."""
    file: str
    line: int
    text: str
    """YAML, moved to the left; aliases (``*name``) mean anchors that stand elsewhere in the file."""


def excerpts(sources: Sequence[RuleSource]) -> list[Excerpt]:
    """The rules of all sources in order; of those with a name the last, which replaces the ones before it."""
    found = [each for source in sources for each in _of(source)]
    last = {(each.section, each.name): each for each in found if each.name}
    return [each for each in found if not each.name or last[each.section, each.name] is each]


def _of(source: RuleSource) -> Iterator[Excerpt]:
    yaml: Any = YAML(typ="safe", pure=True)
    try:
        root = yaml.compose(source.text)
    except (YAMLError, RecursionError):  # it has been read before; whatever this is, it is no reason to fail
        return
    if not isinstance(root, MappingNode):
        return
    lines = source.text.splitlines()
    for key, value in root.value:
        if key.value not in _SECTIONS:
            continue
        for node in value.value if isinstance(value, SequenceNode) else [value]:
            yield Excerpt(key.value, _name(node), source.name, node.start_mark.line + 1, _text(node, lines))


def _name(node: Node) -> str:
    if isinstance(node, MappingNode):
        for key, value in node.value:
            if key.value == "name" and isinstance(value, ScalarNode):
                return str(value.value)
    return ""


def _text(node: Node, lines: Sequence[str]) -> str:
    start, end, left = node.start_mark.line, node.end_mark.line, node.start_mark.column
    part = [lines[start][left:]]
    part += [_moved(line, left) for line in lines[start + 1 : end]]
    if end > start and node.end_mark.column and end < len(lines):
        part.append(_moved(lines[end][: node.end_mark.column], left))
    while part and (not part[-1].strip() or part[-1].lstrip().startswith("#")):  # said of what comes next
        part.pop()
    return "\n".join(part)


def _moved(line: str, left: int) -> str:
    return line[left:] if not line[:left].strip() else line.lstrip()

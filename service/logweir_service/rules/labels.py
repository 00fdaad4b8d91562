"""Reads the labels of a metric."""

from __future__ import annotations

from collections.abc import Mapping

from .document import Node, Problems
from .model import LabelRule
from .names import field_name_problems, label_name_problems, unbounded
from .section import Section

MAX_TEXT = 200
"""Characters of a label's text."""

_KEYS = ("from", "value", "default", "allow", "other", "map", "lower", "truncate")


def read_labels(
    entries: Mapping[str, Node], maps: Mapping[str, Node], problems: Problems
) -> tuple[LabelRule, ...]:
    """Read labels by name; those that cannot be used are left out and said."""
    labels = []
    for name, node in entries.items():
        for problem in label_name_problems(name):
            problems.add(node, f"label '{name}' {problem}")
        label = _label(name, node, maps, problems)
        if label is not None:
            labels.append(label)
    return tuple(labels)


def _label(name: str, node: Node, maps: Mapping[str, Node], problems: Problems) -> LabelRule | None:
    if isinstance(node.value, str):
        node = Node(node.file, node.line, {"from": node})
    section = Section(node, problems, what=f"label '{name}'", keys=_KEYS)
    if section.has("from") == section.has("value"):
        problems.add(node, f"label '{name}' needs a field name, or one of 'from' and 'value'")
        return None
    if section.has("value"):
        for key in _KEYS:
            if key != "value" and section.has(key):
                section.problem(key, f"label '{name}' is a constant and takes no '{key}'")
        return LabelRule(name=name, constant=_cut(section, "value", ""))
    label = LabelRule(
        name=name,
        fields=section.texts("from"),
        default=_cut(section, "default", "unknown"),
        lower=section.flag("lower"),
        map=_map(section, maps),
        allow=frozenset(section.texts("allow")) if section.has("allow") else None,
        other=_cut(section, "other", "other"),
        truncate=section.whole("truncate", MAX_TEXT, least=1, most=MAX_TEXT),
    )
    _check_fields(section, label)
    if section.has("other") and label.allow is None and label.map is None:
        section.problem("other", f"label '{name}' says 'other' without 'allow' or 'map'")
    return label


def _cut(section: Section, key: str, default: str) -> str:
    texts = section.texts(key, (default,))
    if len(texts) != 1 or len(texts[0]) > MAX_TEXT:
        section.problem(key, f"'{key}' must be one text of at most {MAX_TEXT} characters")
    return texts[0][:MAX_TEXT]


def _map(section: Section, maps: Mapping[str, Node]) -> tuple[tuple[str, str], ...] | None:
    if not section.has("map"):
        return None
    entry = section.entry("map")
    if isinstance(entry.value, str):
        if entry.value not in maps:
            section.problem(
                "map", f"there is no map '{entry.value}' under 'maps'", word=entry.value, known=maps
            )
            return None
        entry = maps[entry.value]
        if not _is_map(entry):
            return None  # which is told where it stands
    elif not check_map(entry, section.problems):
        return None
    return tuple((glob, to.text[:MAX_TEXT]) for glob, to in entry.value.items())


def check_map(node: Node, problems: Problems) -> bool:
    """Whether a node is a list of globs and the texts that they give; a problem where it is not."""
    if not _is_map(node):
        problems.add(node, "a map must be a mapping of texts, or in a label the name of one under 'maps'")
    return _is_map(node)


def _is_map(node: Node) -> bool:
    return isinstance(node.value, dict) and not any(
        to.value is None or isinstance(to.value, dict | tuple) for to in node.value.values()
    )


def _check_fields(section: Section, label: LabelRule) -> None:
    for field in label.fields:
        for problem in field_name_problems(field):
            section.problem("from", f"'{field}' {problem}")
        if field == "timestamp":
            section.problem("from", "a time makes no label")
        reason = unbounded(field)
        if reason and label.allow is None and label.map is None:
            section.problem("from", f"label '{label.name}' from '{field}' needs 'allow' or 'map': {reason}")

"""Reads what a test lets come in."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from logweir import fields
from logweir_service.event import rfc3339
from logweir_service.lenient import read_object
from logweir_service.rules.document import Node, Problems
from logweir_service.rules.files import read_text
from logweir_service.rules.section import Section

from .model import Given
from .moments import USUAL_START, moment_of, read_at

_OWN_KEYS: Final = ("at", "repeat", "stream")
"""Of an event in a test; they are not sent."""

_CONTROL_KEYS: Final = {fields.LOST, fields.CLOSED}

_MAX_REPEAT: Final = 10_000
"""As many events as a body may hold."""


class _Raw(NamedTuple):
    """An event before it has its time."""

    node: Node
    """Of its keys, those that are not sent."""
    members: Mapping[str, Any] | None
    """None for what is no object."""
    line: bytes = b""
    """As it stands in a file, where it can be sent as it stands."""
    is_filed: bool = True
    """Whether a file holds it: then its timestamp says when it comes in."""


def read_given(test: Section, folder: Path, start: float | None) -> tuple[float, tuple[Given, ...]]:
    """Read ``input`` and ``input_file``; the test's start, and what comes in by time.

    Without a `start` the lines of a file that say when they happened do so from the first of them on.
    """
    problems = test.problems
    raw = [_of_yaml(node, problems) for node in test.items("input")]
    name = test.text("input_file")
    filed = [*_of_file(folder / name, problems)] if name and "\0" not in name else []
    if start is None:
        start = min(filter(None, map(_happened, filed)), default=USUAL_START)
    found = [*_timed(raw, start, problems), *_timed(filed, start, problems)]
    return start, tuple(sorted(found, key=lambda given: given.at_seconds))


def _of_yaml(node: Node, problems: Problems) -> _Raw:
    entries = node.value if isinstance(node.value, dict) else {}
    if not isinstance(node.value, dict):
        problems.add(node, "an event must be a mapping")
    own = {key: entry for key, entry in entries.items() if key in _OWN_KEYS}
    members = {key: _plain(entry) for key, entry in entries.items() if key not in _OWN_KEYS}
    return _Raw(Node(node.file, node.line, own), members, is_filed=False)


def _of_file(path: Path, problems: Problems) -> Iterator[_Raw]:
    text = read_text(path, problems)
    for number, line in enumerate((text or "").split("\n"), 1):
        if not line.strip():
            continue
        here = Node(str(path), number, {})
        try:
            members = read_object(line.encode())
        except ValueError:
            yield _Raw(here, None, line.encode())
            continue
        own = {
            key: Node(str(path), number, members[key], str(members[key]))
            for key in _OWN_KEYS
            if key in members
        }
        rest = {key: value for key, value in members.items() if key not in own}
        as_it_stands = not own and "timestamp" in members
        yield _Raw(Node(str(path), number, own), rest, line.encode() if as_it_stands else b"")


def _plain(node: Node) -> Any:
    if isinstance(node.value, tuple):
        return [_plain(each) for each in node.value]
    if isinstance(node.value, dict):
        return {key: _plain(each) for key, each in node.value.items()}
    return node.value


def _happened(raw: _Raw) -> float | None:
    """When a line of a file says that it happened, where nothing else says when it comes in."""
    if raw.members is None or not raw.is_filed or "at" in raw.node.value:
        return None
    return moment_of(raw.members.get("timestamp"))


def _timed(events: list[_Raw], start: float, problems: Problems) -> Iterator[Given]:
    at = 0.0
    for raw in events:
        section = Section(raw.node, problems, what="an event", keys=_OWN_KEYS)
        happened = _happened(raw)
        at = read_at(section, at) if happened is None else happened - start
        if at < 0:
            problems.add(raw.node, "happened before the test's 'start'")
        yield Given(
            place=raw.node.place,
            at_seconds=at,
            line=raw.line or _line(raw.members or {}, start + at),
            repeat=section.whole("repeat", 1, least=1, most=_MAX_REPEAT),
            stream=section.text("stream"),
        )


def _line(members: Mapping[str, Any], now: float) -> bytes:
    timed = members if _CONTROL_KEYS & members.keys() else {"timestamp": rfc3339(now), **members}
    return json.dumps(timed).encode()

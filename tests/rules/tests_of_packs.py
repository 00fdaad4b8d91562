"""What the tests of the packs tell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

FILES = sorted(Path(__file__).parent.glob("*_test.yaml"))


def documents() -> Iterator[tuple[str, Any]]:
    """Each file's name and what stands in it."""
    for file in FILES:
        yield file.stem, YAML(typ="safe", pure=True).load(file.read_text())


def inputs() -> Iterator[dict[str, Any]]:
    """Every event that a test of a pack sends."""
    for _, document in documents():
        for case in document["tests"]:
            for each in case["input"]:
                yield {name: value for name, value in each.items() if name not in ("at", "repeat")}

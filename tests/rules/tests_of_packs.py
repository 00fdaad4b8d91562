"""What the tests of the packs and of the example tell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
FILES = sorted([*Path(__file__).parent.glob("*_test.yaml"), *EXAMPLES.glob("*_test.yaml")])


def documents() -> Iterator[tuple[Path, Any]]:
    """Each file, and what stands in it."""
    for file in FILES:
        yield file, YAML(typ="safe", pure=True).load(file.read_text())


def inputs() -> Iterator[dict[str, Any]]:
    """Every event that a test sends."""
    for _, document in documents():
        for case in document["tests"]:
            for each in case["input"]:
                yield {name: value for name, value in each.items() if name not in ("at", "repeat")}

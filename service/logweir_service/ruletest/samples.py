"""Samples as Prometheus reads them: written in a test by people, and in an exposition by the service."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from logweir_service.rules import MetricRule

TOLERANCE: Final = 1e-9
"""Relative: sums of floats are not told to the last bit by anybody."""

_NAME: Final = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_LINE: Final = re.compile(rf"({_NAME})\s*(?:\{{(.*)\}})?\s*(\S+)")
_LABEL: Final = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(,|$)')
_ESCAPE: Final = re.compile(r"\\(.)")
_NUMBER: Final = re.compile(r"[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+|Inf|NaN)")


class Sample(NamedTuple):
    """One line of an exposition."""

    name: str
    labels: tuple[tuple[str, str], ...]
    """Sorted by name; ``le`` is written as a float."""
    value: float

    def same_value(self, other: Sample) -> bool:
        """Whether both say the same number."""
        if math.isnan(self.value) or math.isnan(other.value):
            return math.isnan(self.value) and math.isnan(other.value)
        return math.isclose(self.value, other.value, rel_tol=TOLERANCE)

    def __str__(self) -> str:
        """The sample as a line."""
        pairs = ",".join(f'{name}="{_escaped(text)}"' for name, text in self.labels)
        return (
            f"{self.name}{{{pairs}}} {_number(self.value)}" if pairs else f"{self.name} {_number(self.value)}"
        )


def parse_line(line: str) -> Sample | None:
    """The sample on a line of the text format, without a timestamp; None for a comment or nothing.

    Raises:
        ValueError: it is neither; the text says what is wrong.
    """
    line = line.strip()
    if not line or line.startswith("#"):
        return None
    match = _LINE.fullmatch(line)
    if match is None or not _NUMBER.fullmatch(match[3]):
        raise ValueError('is no sample such as name{label="text"} 3')
    labels = _labels(match[2] or "")
    if len({name for name, _ in labels}) < len(labels):
        raise ValueError("has a label twice")
    return Sample(match[1], tuple(sorted(labels)), float(match[3]))


def parse(text: str) -> Iterator[Sample]:
    """The samples of an exposition."""
    return (sample for line in text.splitlines() if (sample := parse_line(line)) is not None)


def sample_names(rule: MetricRule) -> tuple[str, ...]:
    """The names that the samples of a metric have."""
    if rule.type == "histogram":
        return (f"{rule.name}_bucket", f"{rule.name}_sum", f"{rule.name}_count")
    return (rule.name,)


def _labels(text: str) -> list[tuple[str, str]]:
    found = []
    place = 0
    while place < len(text.rstrip()):
        match = _LABEL.match(text, place)
        if match is None:
            raise ValueError(f"has labels that cannot be read, from {text[place:].strip()!r} on")
        value = _ESCAPE.sub(lambda each: "\n" if each[1] == "n" else each[1], match[2])
        found.append((match[1], _bound(value) if match[1] == "le" else value))
        place = match.end()
    return found


def _bound(text: str) -> str:
    """Prometheus reads ``le`` as a float: 1 and 1.0 are one bucket."""
    return _number(float(text), whole=False) if _NUMBER.fullmatch(text) else text


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float, *, whole: bool = True) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if whole and value.is_integer() and abs(value) < 2**53 else repr(value)

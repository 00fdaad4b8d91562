"""What a file of tests says, once it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from logweir_service.rules import RuleSet

from .samples import Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What is sent to the service at one moment."""

    place: str
    """File and line that say so."""
    at_seconds: float
    """Since the test's start."""
    line: bytes
    """The event as it comes in, without a newline."""
    repeat: int = 1
    stream: str = ""
    """The sender's; only in a stream a line may be a control line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What must hold at one moment; None asks nothing."""

    place: str
    at: str
    """As it was written."""
    at_seconds: float
    samples: tuple[Sample, ...] = ()
    """All samples of the names that stand among them."""
    absent: tuple[str, ...] = ()
    """Metrics without a series."""
    promoted: tuple[Mapping[str, Any], ...] | None = None
    """Everything promoted since the start, by what is asked of each: see `promoted`."""
    skipped: Mapping[str, Mapping[str, int]] | None = None
    """Rule, reason, and how often since the start; all reasons of the rules named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One test."""

    place: str
    name: str
    start: float
    """Seconds since the epoch."""
    given: tuple[Given, ...]
    """In the order of time."""
    refused: Mapping[str, int]
    """How many of the events the decoder refuses, by code."""
    expected: tuple[Expectation, ...]
    """In the order of time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """The tests of one file, and the rules that they test."""

    file: str
    rules: RuleSet
    cases: tuple[Case, ...]

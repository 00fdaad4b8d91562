"""Small plots of the last hour; geometry stands in attributes, since the policy of pages allows no style."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import fmean
from typing import Final

WIDTH: Final = 240
HEIGHT: Final = 48

_COLUMNS: Final = 120
"""Half a minute each."""

_HEADROOM: Final = 4

Values = Sequence[float | None]
"""In steps of equal length, the newest last; None where nothing is known."""


@dataclass(frozen=True, slots=True)
class Column:
    """A part of the plot that says what it is when it is pointed at."""

    x: float
    width: float
    text: str


@dataclass(frozen=True, slots=True)
class Plot:
    """What a template needs to draw one."""

    title: str
    now: str
    """A dash where it is not known, as of commits while nothing comes."""
    most: str
    """Empty where nothing is known."""
    line: str
    area: str
    columns: Sequence[Column]
    label: str
    """The plot in words."""
    rows: Sequence[tuple[str, str]]
    """Five minutes each: when they began, and the value."""


def plot(
    title: str,
    values: Values,
    *,
    until: float,
    every_seconds: float,
    told: Callable[[float], str],
    fold: Callable[[Sequence[float]], float] = fmean,
) -> Plot:
    """Draw `values`, of which the last ended at `until`, in seconds since the epoch.

    `fold` makes one of several where there are more than can be drawn.
    """
    columns = _folded(values, len(values) // _COLUMNS or 1, fold)
    seconds = every_seconds * len(values) / (len(columns) or 1)
    known = [each for each in columns if each is not None]
    most = max(known, default=0.0)
    steps = _steps(columns, most)
    width = WIDTH / (len(columns) or 1)
    now = told(known[-1]) if columns and columns[-1] is not None else "-"
    return Plot(
        title=title,
        now=now,
        most=told(most) if known else "",
        line=" ".join(line for line, _ in steps),
        area=" ".join(area for _, area in steps),
        columns=[
            Column(
                round(place * width, 2),
                round(width, 2),
                f"{_clock(until - (len(columns) - place) * seconds)}: {told(value)}",
            )
            for place, value in enumerate(columns)
            if value is not None
        ],
        label=_label(title, columns, until=until, seconds=seconds, told=told),
        rows=_rows(values, until=until, every_seconds=every_seconds, told=told, fold=fold),
    )


def _folded(values: Values, size: int, fold: Callable[[Sequence[float]], float]) -> list[float | None]:
    parts = [values[start : start + size] for start in range(0, len(values), size)]
    known = [[each for each in part if each is not None] for part in parts]
    return [fold(part) if part else None for part in known]


def _steps(columns: Values, most: float) -> list[tuple[str, str]]:
    """A line and the area below it for each stretch without a gap."""
    width = WIDTH / (len(columns) or 1)
    found: list[tuple[str, str]] = []
    steps: list[str] = []
    begun = 0.0
    for place, value in enumerate([*columns, None]):
        if value is None:
            if steps:
                line = "".join(steps)
                found.append((f"M{begun:g} {line[1:]}", f"M{begun:g} {HEIGHT}V{line[1:]}V{HEIGHT}Z"))
            steps = []
            continue
        if not steps:
            begun = round(place * width, 2)
        height = value / most * (HEIGHT - _HEADROOM) if most > 0 else 0.0
        steps.append(f"V{HEIGHT - height:.1f}H{round((place + 1) * width, 2):g}")
    return found


def _label(title: str, columns: Values, *, until: float, seconds: float, told: Callable[[float], str]) -> str:
    known = [(value, place) for place, value in enumerate(columns) if value is not None]
    if not known:
        return f"{title}, the last hour: nothing is known yet"
    most, place = max(known, key=lambda each: each[0])
    when = _clock(until - (len(columns) - place) * seconds)
    return f"{title}, the last hour: now {told(known[-1][0])}, at most {told(most)} at {when}"


def _rows(
    values: Values,
    *,
    until: float,
    every_seconds: float,
    told: Callable[[float], str],
    fold: Callable[[Sequence[float]], float],
) -> list[tuple[str, str]]:
    size = max(round(300 / every_seconds), 1)
    folded = _folded(values, size, fold)
    return [
        (_clock(until - (len(folded) - place) * size * every_seconds), "" if value is None else told(value))
        for place, value in enumerate(folded)
    ]


def _clock(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%H:%M:%S}"

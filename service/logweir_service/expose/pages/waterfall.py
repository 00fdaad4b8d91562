"""Where a story's bars stand: pure geometry, from a timeline to percents of a row's width."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from logweir_service.find import Row, Timeline

_FOLDED_PERCENT: Final = 4.0
"""What a long gap keeps of the width."""
_LONG_SHARE: Final = 0.25
"""Gaps that take more of the story than this are folded, so that what happened around them can be seen."""
_MOST_FOLDED: Final = 8
_LEAST_KEPT_SECONDS: Final = 1e-6
"""Where folds would leave nothing to draw beside them, the gap is the story, and is drawn whole."""
_TICKS: Final = 5
_LABEL_PERCENT: Final = 15.0
_ZERO_PERCENT: Final = 5.0
"""What the label of a tick takes of the width, and that of the first."""


class Stretch(NamedTuple):
    """A time span in seconds since the story's begin."""

    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Bar:
    """One row's bar, in percent of the width; what took no time has none."""

    x: float
    width: float
    is_point: bool


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the axis."""

    x: float
    seconds: float


class Scale:
    """Seconds of a story to percents. Rows stand as if the clocks of all services agreed."""

    def __init__(self, timeline: Timeline) -> None:
        self._skews = timeline.skews
        starts = [self._start(row) for row in timeline.rows]
        ends = [self._start(row) + (row.duration or 0.0) for row in timeline.rows]
        self._origin = min(starts, default=0.0)
        self.seconds = max(ends, default=0.0) - self._origin
        self.folded = self._long_gaps(timeline.rows)
        kept = self.seconds - sum(gap.end - gap.start for gap in self.folded)
        width = 100.0 - _FOLDED_PERCENT * len(self.folded)
        self._per_second = width / kept if kept > 0 else 0.0

    def bar(self, row: Row) -> Bar:
        """Where a row stands."""
        start = self._start(row) - self._origin
        x = self.percent(start)
        width = self.percent(start + (row.duration or 0.0)) - x
        return Bar(round(x, 3), round(width, 3), row.duration is None)

    def percent(self, seconds: float) -> float:
        """Where a moment stands."""
        x = 0.0
        since = 0.0
        for gap in self.folded:
            if seconds <= gap.start:
                break
            x += (gap.start - since) * self._per_second
            inside = min(seconds, gap.end) - gap.start
            x += _FOLDED_PERCENT * inside / (gap.end - gap.start)
            since = gap.end
        return min(100.0, x + max(0.0, seconds - since) * self._per_second)

    def ticks(self) -> list[Tick]:
        """The axis at round numbers; where gaps are folded, at what follows each."""
        if self.seconds <= 0:
            return []
        if self.folded:
            moments = (0.0, *(gap.end for gap in self.folded))
            return _readable([Tick(round(self.percent(each), 3), each) for each in moments])
        step = _round_step(self.seconds / _TICKS)
        return [
            Tick(round(self.percent(number * step), 3), number * step)
            for number in range(int(self.seconds / step) + 1)
        ]

    def folds(self) -> list[Bar]:
        """The folded gaps, as they stand in each row."""
        return [
            Bar(round(self.percent(gap.start), 3), _FOLDED_PERCENT, is_point=False) for gap in self.folded
        ]

    def _start(self, row: Row) -> float:
        return row.offset - self._skews.get(row.service, 0.0)

    def _long_gaps(self, rows: Sequence[Row]) -> list[Stretch]:
        """Those that would take more than their share even of what is left without longer ones."""
        starts = ((self._start(row) - self._origin, row) for row in rows if row.gap_is_notable)
        gaps = [Stretch(max(0.0, start - row.gap_before), start) for start, row in starts if start > 0]
        kept, long = self.seconds, []
        for gap in sorted(_apart(sorted(gaps)), key=lambda gap: gap.start - gap.end)[:_MOST_FOLDED]:
            length = gap.end - gap.start
            if length <= max(kept * _LONG_SHARE, 0.001) or kept - length < _LEAST_KEPT_SECONDS:
                break
            kept -= length
            long.append(gap)
        return sorted(long)


def _readable(ticks: Sequence[Tick]) -> list[Tick]:
    """Those whose labels don't run into the one before."""
    found: list[Tick] = []
    for tick in ticks:
        taken = _LABEL_PERCENT if found and found[-1].seconds else _ZERO_PERCENT
        if not found or tick.x - found[-1].x >= taken:
            found.append(tick)
    return found


def _apart(gaps: Sequence[Stretch]) -> list[Stretch]:
    """Those that begin behind the end of the one before."""
    found: list[Stretch] = []
    for gap in gaps:
        if not found or gap.start >= found[-1].end:
            found.append(gap)
    return found


def _round_step(seconds: float) -> float:
    """The next step that people read well: 1, 2, 5, 10, 20 and so on, and by the clock above a minute."""
    if seconds >= 30:
        for step in (60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400):
            if step >= seconds:
                return float(step)
        return math.ceil(seconds / 86_400) * 86_400.0
    power = 10.0 ** math.floor(math.log10(seconds))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= seconds * 0.999)

"""A story as a person reads it in a terminal: its error first, then one line an event."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Final

from .length import length
from .look import BOLD, DIM, LEVELS, SERVICES, Look, Part, columns, padded
from .moment import Moment
from .timeline import Row, Timeline
from .visible import visible

_MAX_FRAMES: Final = 6
_MAX_TEXT_LINES: Final = 12
_MAX_STEPS: Final = 10
"""Steps of indentation; what is deeper says so in figures."""

_LONG_STORY_ROWS: Final = 15
"""From here on the rows before the error are shown with it: in a longer story they are not on one screen."""

_BEFORE: Final = 5
_NAME_COLUMNS: Final = 34
_SERVICE_COLUMNS: Final = 20
_NARROW_COLUMNS: Final = 110
"""With fewer, levels and indentation are short, and what happened stands in no column of its own."""

_SHORT_LEVELS: Final = {"debug": "dbg", "warning": "warn", "error": "ERR", "critical": "CRIT"}

_BAR_COLUMNS: Final = 30
_BARRED_COLUMNS: Final = 150
"""With as many there is room for bars: when each row began, and how long it took."""

_ERROR: Final = LEVELS["error"]


def render_story(
    story: Timeline, look: Look | None = None, *, title: str = "", rows_on_screen: int | None = None
) -> Iterator[str]:
    """The lines of a story, under its correlation id or another `title`; control characters are made visible.

    What is longer than a screen with `rows_on_screen` ends with what it began with: a terminal shows the end.
    """
    if not story.rows:
        return
    page = _Page(story, look or Look(), title=visible(title))
    head, body = [*page.head()], [*page.body()]
    yield from head
    yield from body
    if rows_on_screen is not None and len(head) + len(body) >= rows_on_screen:
        yield ""
        yield from head


def render_rows(
    story: Timeline, look: Look | None = None, *, only: Collection[tuple[int, int]] | None = None
) -> Iterator[str]:
    """The rows of a story alone, or of them those at `only` these places: what a shown story goes on with."""
    yield from _Page(story, look or Look()).body(only)


class _Page:
    """A story on its way to a screen."""

    def __init__(self, story: Timeline, look: Look, *, title: str = "") -> None:
        self.story = story
        self._title = title or story.correlation_id or "without an id"
        self._has_many_ids = len({row.correlation_id for row in story.rows}) > 1
        self._look = look
        self._is_narrow = look.width is not None and look.width < _NARROW_COLUMNS
        self._has_bars = look.width is not None and look.width >= _BARRED_COLUMNS and story.took > 0
        self._colours = {
            service: SERVICES[number % len(SERVICES)] for number, service in enumerate(story.services)
        }
        self._service_columns = _widest(story.services, _SERVICE_COLUMNS)
        self._level_columns = _widest(map(self._level, story.rows), len("critical"))
        names = (f"{self._steps(row)}{row.name}" for row in story.rows)
        self._name_columns = 0 if self._is_narrow else _widest(names, _NAME_COLUMNS)

    def head(self) -> Iterator[str]:
        story, line = self.story, self._look.line
        services = f"{_count(len(story.services), 'service')} ({', '.join(story.services)})"
        counts = f"{_count(len(story.rows), 'event')}, {_count(story.error_count, 'error')}, {services}"
        name = Part(self._title, BOLD)
        if self._is_narrow:
            yield line([name])
        yield line([Part(counts)] if self._is_narrow else [name, Part(f": {counts}")])
        users = f", {'user' if len(story.users) == 1 else 'users'} {', '.join(story.users)}"
        when = f"{_day(story.begin)} {_clock(story.begin)} UTC" + (
            f", {length(story.took)}" if story.took else ""
        )
        yield line([Part(f"{when}{users if story.users else ''}")])
        for service, ahead in story.skews.items():
            where = f"{length(abs(ahead))} {'ahead' if ahead > 0 else 'behind'}"
            told = f"the clock of {service} seems to be {where}: its times are shown as it tells them"
            yield line([Part(told, LEVELS["warning"])])
        yield ""
        if story.first_error is not None:
            yield from self._error(story.first_error)
            yield ""

    def body(self, only: Collection[tuple[int, int]] | None = None) -> Iterator[str]:
        first = self.story.first_error
        told = {_reported(first)} if first is not None and only is None else set()
        day = _day(self.story.begin)
        for row in self.story.rows:
            if only is not None and row.place not in only:
                continue
            if row.gap_is_notable:
                yield self._gap(row.gap_before)
            if (its := _day(row.start)) != day:
                day = its
                yield self._look.line([Part(f"-- {day} UTC", DIM)])
            yield self._look.line(self._row(row))
            reported = _reported(row)
            if reported and reported not in told:
                told.add(reported)
                yield from self._stack(row, " " * 6)
            if row.profile:
                yield from self._text(row.profile, " " * 6)
        if self.story.gap_at_end and only is None:
            yield self._gap(self.story.gap_at_end)

    def _error(self, row: Row) -> Iterator[str]:
        after = f" after {length(row.began + (row.duration or 0.0))}"
        yield self._look.line(
            [
                Part(f"{row.level} in {row.service}{after}: ", _ERROR),
                Part(row.name, BOLD),
                Part(f"  {row.told}"),
            ]
        )
        yield from self._stack(row, "  ")
        before = self.story.before[-_BEFORE:]
        if before and len(self.story.rows) > _LONG_STORY_ROWS:
            yield self._look.line([Part("  before it:", DIM)])
            for each in before:
                yield self._look.line([Part("  "), *self._row(each, is_flat=True)])

    def _row(self, row: Row, *, is_flat: bool = False) -> Iterator[Part]:
        mark = "> " if row is self.story.first_error else "! " if row.is_error else "  "
        style = LEVELS.get(row.level, "")
        took = "" if row.duration is None else length(row.duration)
        yield Part(mark, _ERROR)
        yield Part(f"{_clock(row.at if is_flat else row.start)} ", DIM)
        yield Part(f"{took:>8}  ")
        if self._has_bars and not is_flat:
            yield self._bar(row)
        yield Part(padded(row.service, self._service_columns), self._colours[row.service])
        yield Part("  ")
        yield Part(padded(self._level(row), self._level_columns), style or DIM)
        name = row.name if is_flat else f"{self._steps(row)}{row.name}"
        yield Part(f"  {padded(name, max(columns(name), self._name_columns))}", style)
        user = f"user={row.user}" if row.user and len(self.story.users) > 1 else ""
        told = " ".join(each for each in (row.told, user) if each)
        yield Part(f"  {told}", style if row.is_error or row.level == "debug" else "")
        if self._has_many_ids and row.depth == 0:
            yield Part(f"  {row.correlation_id}", DIM)

    def _bar(self, row: Row) -> Part:
        begin = min(int(row.began / self.story.took * _BAR_COLUMNS), _BAR_COLUMNS - 1)
        took = round((row.duration or 0) / self.story.took * _BAR_COLUMNS)
        bar = self._look.bar * min(max(took, 1), _BAR_COLUMNS - begin)
        drawn = " " * begin + (self._look.dot if row.duration is None else bar)
        return Part(f"{drawn:{_BAR_COLUMNS}}  ", self._colours[row.service])

    def _level(self, row: Row) -> str:
        return _SHORT_LEVELS.get(row.level, row.level)[:4] if self._is_narrow else row.level

    def _steps(self, row: Row) -> str:
        step = " " if self._is_narrow else "  "
        return step * row.depth if row.depth <= _MAX_STEPS else f"{step * _MAX_STEPS}({row.depth}) "

    def _gap(self, seconds: float) -> str:
        return self._look.line([Part(f"  {f'... {length(seconds)} ...':^22}", DIM)])

    def _stack(self, row: Moment, indent: str) -> Iterator[str]:
        for raised in row.exceptions():
            relation = f"{raised.relation} " if raised.relation else ""
            yield self._look.line([Part(f"{indent}{relation}"), Part(raised.headline, _ERROR)])
            for frame in raised.own_frames()[-_MAX_FRAMES:]:
                place = f"{indent}  {frame.filename}:{frame.lineno} in {frame.function}"
                yield self._look.line([Part(place), Part(f"    {frame.source}" if frame.source else "", DIM)])
        if not row.exceptions():
            yield from self._text(row.exception_text, indent, last=True)

    def _text(self, text: str, indent: str, *, last: bool = False) -> Iterator[str]:
        lines = [line.rstrip() for line in text.splitlines() if line.strip()]
        for each in lines[-_MAX_TEXT_LINES:] if last else lines[:_MAX_TEXT_LINES]:
            yield self._look.line([Part(f"{indent}{visible(each)}", DIM)])


def _reported(row: Moment) -> str:
    """What tells whether two rows report the same exception; empty for a row without one."""
    return (row.identifier("error_id") or str(row.place)) if row.has_exception else ""


def _widest(texts: Iterable[str], most: int) -> int:
    return min(max(map(columns, texts), default=0), most)


def _clock(moment: datetime) -> str:
    return f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03}"


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"

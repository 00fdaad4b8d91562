"""How values read on a page: the filters of all templates."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import quote, urlencode
from zlib import crc32

from markupsafe import Markup

from logweir.fields import CORRELATION_ID
from logweir_service.find import Moment, Row, visible
from logweir_service.lenient import read_moment

from .fields import Field, fields_of, lines_visible

_HUES: Final = 7
"""As many as the style sheet has colours for services."""

_THIN_SPACE: Final = "\N{NARROW NO-BREAK SPACE}"


_LONG: Final = (("d", 86_400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1))


def duration(seconds: Any) -> str:
    """A duration in the unit that reads best: ``0.4 ms``, ``312 ms``, ``1.25 s``, ``3 min 20 s``.

    An `int` is one that is known to the second: ``54 s``.
    """
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not math.isfinite(seconds):
        return ""
    size, sign = abs(seconds), "-" if seconds < 0 else ""
    if isinstance(seconds, int) and size < 60:
        return f"{seconds}{_THIN_SPACE}s"
    if size < 0.9995:
        milliseconds = size * 1000
        return f"{sign}{milliseconds:.{1 if milliseconds < 9.95 else 0}f}{_THIN_SPACE}ms"
    if size < 59.95:
        return f"{sign}{size:.{2 if size < 9.995 else 1}f}{_THIN_SPACE}s"
    whole = round(size)
    unit, in_seconds, smaller, smaller_seconds = next(each for each in _LONG if whole >= each[1])
    told = f"{sign}{whole // in_seconds:,}{_THIN_SPACE}{unit}"
    rest = whole % in_seconds // smaller_seconds
    return f"{told} {rest}{_THIN_SPACE}{smaller}" if rest else told


def ago(moment: datetime | None, now: datetime) -> str:
    """How long before `now` a moment was, roughly."""
    if moment is None:
        return ""
    seconds = (now - moment).total_seconds()
    if seconds < 0:
        return "in the future" if seconds < -5 else "just now"
    for unit, in_seconds in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= in_seconds:
            return f"{seconds // in_seconds:,.0f}{_THIN_SPACE}{unit} ago"
    return f"{seconds:.0f}{_THIN_SPACE}s ago"


def clock(moment: Any) -> str:
    """The time of day of a moment or an RFC 3339 text, in UTC: ``03:04:05.678``."""
    read = _moment(moment)
    return "" if read is None else f"{read:%H:%M:%S}.{read.microsecond // 1000:03}"


def day(moment: Any) -> str:
    """The date of a moment or an RFC 3339 text, in UTC: ``2026-09-21``."""
    read = _moment(moment)
    return "" if read is None else f"{read:%Y-%m-%d}"


def iso(moment: Any) -> str:
    """A moment or an RFC 3339 text, for machines and for the curious."""
    read = _moment(moment)
    return "" if read is None else f"{read:%Y-%m-%dT%H:%M:%S}.{read.microsecond:06}Z"


def hue(service: Any) -> str:
    """The class that colours a service, the same on every page."""
    return f"hue-{crc32(str(service).encode('utf-8', 'replace')) % _HUES}"


def count(number: int, noun: str, plural: str = "") -> str:
    """A number and its noun: ``1 event``, ``2,000 events``, ``2 queries``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def number(value: float) -> str:
    """A whole number with commas."""
    return f"{value:,.0f}"


def size(content_bytes: float) -> str:
    """A number of bytes: ``512 B``, ``12.3 kB``, ``4.0 MB``."""
    value = float(content_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.95:
            return f"{value:.{0 if unit == 'B' else 1}f}{_THIN_SPACE}{unit}"
        value /= 1000
    return f"{value:,.1f}{_THIN_SPACE}TB"


def seen(value: Any) -> str:
    """A value of an event as text, in which nothing hides."""
    return visible(value if isinstance(value, str) else str(value))


def short(text: str, characters: int) -> str:
    """The begin of a text that is longer than so many characters."""
    return text if len(text) <= characters else text[: characters - 1] + "…"


def without_user(text: str, user: str) -> str:
    """What an event tells without whom it concerns, where that is the same in the whole story."""
    return " ".join(f" {text} ".replace(f" user={user} ", " ", 1).split(" ")).strip() if user else text


def after(seconds: float) -> str:
    """A moment of a story, by its begin: ``+0.312 s``, ``+2:05.312``, ``+3 h 20 min``."""
    if seconds < 59.9995:
        return f"+{seconds:.3f}{_THIN_SPACE}s"
    milliseconds = round(seconds * 1000)
    if milliseconds < 3_600_000:
        return f"+{milliseconds // 60_000}:{milliseconds % 60_000 / 1000:06.3f}"
    return f"+{duration(seconds)}"


def breakable(name: str) -> Markup:
    """A metric's name, which a narrow column breaks behind an underscore."""
    return Markup("_<wbr>").join(name.split("_"))


def lines(text: str) -> str:
    """A text with its line breaks, in which nothing else hides."""
    return lines_visible(text)


def fields(row: Row) -> list[Field]:
    """All fields of a row, those first that people look for."""
    return [*fields_of(row.fields)]


def json(row: Row) -> str:
    """A row's event as it was sent, on one line; what hides in it is written as JSON's own escapes."""
    text = row.stored.line.decode(errors="replace")
    return text if text.isprintable() else "".join(map(_escaped, text))


def story(moment: Moment) -> str:
    """The path of an event in its story; empty where it has none."""
    correlation_id = moment.identifier("correlation_id") or ""
    if not CORRELATION_ID.fullmatch(correlation_id):
        return ""
    return f"/c/{quote(correlation_id, safe='')}#e{moment.stored.lsn}-{moment.stored.index}"


def quotable(text: str) -> str:
    """A text to be put between the quotes of a query."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def url(path: str, **parameters: str | None) -> str:
    """A path, in which nothing is left to be quoted, and its parameters, of which empty ones are left out."""
    given = {name: value for name, value in parameters.items() if value}
    return f"{path}?{urlencode(given)}" if given else path


def _escaped(character: str) -> str:
    if character.isprintable():
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def _moment(value: Any) -> datetime | None:
    return value.astimezone(UTC) if isinstance(value, datetime) else read_moment(value)


_ALL: Final = (
    *(
        after,
        ago,
        breakable,
        clock,
        count,
        day,
        duration,
        fields,
        hue,
        iso,
        json,
        lines,
        number,
        quotable,
        seen,
        short,
    ),
    *(size, story, without_user),
)

shown: Final[Mapping[str, Callable[..., Any]]] = MappingProxyType({each.__name__: each for each in _ALL})
"""The filters, by name."""

"""In which order the series of a metric are written, and how their labels are.

Both are kept from scrape to scrape, since to sort a hundred thousand series and to write their labels takes
half a second. They stand apart from the series: to visit those in the order of their labels would be to
visit memory in no order at all, which costs more than the writing.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Generator, Sequence
from typing import Final, TypeVar

from .series import Series

Places = Sequence[int]
"""Where the series stand in the order in which they began, in the order in which they are written."""

_T = TypeVar("_T")

Steps = Generator[None, None, _T]
"""Work that pauses every few milliseconds."""

_STEP: Final = 500
"""Series between two pauses."""


class Order:
    """Follows the series of one metric, from one view of them to the next."""

    def __init__(self, label_names: Sequence[str]) -> None:
        self._format = ",".join(f'{name}="%s"' for name in label_names)
        self._series: list[Series] = []
        self._places: list[int] = []
        self._labels: list[str] = []

    def follow(self, series: list[Series]) -> Steps[tuple[Places, Sequence[str]]]:
        """The places of series in the order of their label texts, and these as they are written.

        `series` are all there are, in the order in which they began; pauses every few milliseconds.
        """
        known, places, labels = self._series, self._places, self._labels
        if series[: len(known)] != known:
            places, labels = yield from _without_gone(series, known, places, labels)
        if len(places) < len(series):
            places, labels = yield from self._with_new(series, places, labels)
        self._series, self._places, self._labels = series, places, labels
        return places, labels

    def _with_new(
        self, series: list[Series], places: list[int], labels: list[str]
    ) -> Steps[tuple[list[int], list[str]]]:
        """Put the series in their order that began since, which are the last ones."""

        def texts(place: int) -> tuple[str, ...]:
            return series[place].labels

        new = yield from _sorted(range(len(places), len(series)), texts)
        all_places: list[int] = []
        all_labels: list[str] = []
        done = at = 0
        for count, place in enumerate(new):
            at = bisect_left(places, texts(place), lo=at, key=texts)
            all_places += places[done:at]
            all_labels += labels[done:at]
            all_places.append(place)
            all_labels.append(self._written(series[place]))
            done = at
            if count % _STEP == 0:
                yield
        return all_places + places[done:], all_labels + labels[done:]

    def _written(self, series: Series) -> str:
        text = self._format % series.labels
        if "\\" in text or "\n" in text or text.count('"') > 2 * len(series.labels):
            return self._format % tuple(map(escaped, series.labels))
        return text


def escaped(text: str) -> str:
    """A label's value as it stands between quotes."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _sorted(places: range, key: Callable[[int], tuple[str, ...]]) -> Steps[list[int]]:
    """Sort bucket by bucket, since a sort cannot pause: those chosen at regular intervals tell them apart."""
    if len(places) <= _STEP:
        return sorted(places, key=key)
    borders = sorted(map(key, places[::_STEP]))
    buckets: list[list[int]] = [[] for _ in range(len(borders) + 1)]
    for start in range(0, len(places), _STEP):
        for place in places[start : start + _STEP]:
            buckets[bisect_left(borders, key(place))].append(place)
        yield
    found: list[int] = []
    for bucket in buckets:
        found += sorted(bucket, key=key)
        yield
    return found


def _without_gone(
    series: list[Series], known: list[Series], places: list[int], labels: list[str]
) -> Steps[tuple[list[int], list[str]]]:
    """Leave out the series that are over; the others have moved up."""
    moved: dict[Series, int] = {}
    for start in range(0, len(series), _STEP):
        moved.update(zip(series[start : start + _STEP], range(start, len(series)), strict=False))
        yield
    left_places: list[int] = []
    left_labels: list[str] = []
    for count, (place, text) in enumerate(zip(places, labels, strict=True)):
        now = moved.get(known[place])
        if now is not None:
            left_places.append(now)
            left_labels.append(text)
        if count % _STEP == 0:
            yield
    return left_places, left_labels

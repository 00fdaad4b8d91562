"""How many different values there were within a window of time, without keeping them.

Each window is cut into buckets, and each bucket is a HyperLogLog sketch of Apache DataSketches: 2 KiB at
most, and within 2 % of the truth in two cases of three. A window shows what its buckets have together.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from datasketches import hll_sketch, hll_union

LOG2_REGISTERS: Final = 12

_BUCKETS: Final = {3600.0: 12, 86_400.0: 24, 7 * 86_400.0: 28}
_USUAL_BUCKETS: Final = 24
_MAX_RECENT: Final = 10_000


class _Window:
    """The newest buckets of one window, by their number since the epoch."""

    def __init__(self, seconds: float) -> None:
        self.count = _BUCKETS.get(seconds, _USUAL_BUCKETS)
        self.width = seconds / self.count
        self.sketches: dict[int, Any] = {}
        self._texts: dict[int, str] = {}
        """Sketches as they are saved, of those that have not changed since."""
        self._shown: tuple[int, float] | None = None

    def add(self, value: str, received: float) -> None:
        number = int(received // self.width)
        sketch = self.sketches.get(number)
        if sketch is None:
            sketch = self._begin(number)
            self.sketches[number] = sketch
        sketch.update(value or "\0")  # an empty text it would pass over
        self._texts.pop(number, None)
        self._shown = None

    def _begin(self, number: int) -> Any:
        """A bucket, with those ahead of it, from before the clock was set back; old ones go."""
        ahead = [each for each in self.sketches if each > number]
        begun = hll_sketch(LOG2_REGISTERS)
        if ahead:
            union = hll_union(LOG2_REGISTERS)
            for each in ahead:
                union.update(self.sketches[each])
            begun = union.get_result()
        for each in [*ahead, *(each for each in self.sketches if each <= number - self.count)]:
            del self.sketches[each]
            self._texts.pop(each, None)
        return begun

    def estimate(self, now: float) -> float:
        newest = int(now // self.width)
        if self._shown is None or self._shown[0] != newest:
            union = hll_union(LOG2_REGISTERS)
            for number, sketch in self.sketches.items():
                if number > newest - self.count:
                    union.update(sketch)
            self._shown = (newest, float(round(union.get_result().get_estimate())))
        return self._shown[1]

    def dump(self) -> dict[str, str]:
        for number, sketch in self.sketches.items():
            if number not in self._texts:
                self._texts[number] = b64encode(sketch.serialize_compact()).decode()
        return {str(number): text for number, text in self._texts.items()}

    def restore(self, state: Mapping[str, str]) -> None:
        self._texts = {int(number): text for number, text in state.items()}
        self.sketches = {
            number: hll_sketch.deserialize(b64decode(text)) for number, text in self._texts.items()
        }


class Distinct:
    """The values of one series, in all its windows."""

    def __init__(self, seconds: Iterable[float]) -> None:
        self._windows = [_Window(each) for each in seconds]
        self._recent: set[int] = set()
        self._since = self._until = 0.0
        """While no window begins another bucket, what was seen lately need not be added again."""

    def add(self, value: str, received: float) -> None:
        """Take a value."""
        if not self._since <= received < self._until or len(self._recent) >= _MAX_RECENT:
            begins = [received // window.width * window.width for window in self._windows]
            self._since = max(begins)
            self._until = min(
                begin + window.width for begin, window in zip(begins, self._windows, strict=True)
            )
            self._recent.clear()
        if (known := hash(value)) not in self._recent:
            self._recent.add(known)
            for window in self._windows:
                window.add(value, received)

    def estimates(self, now: float) -> Sequence[float]:
        """How many there were in each window up to a moment in epoch seconds."""
        return [window.estimate(now) for window in self._windows]

    def dump(self) -> list[dict[str, str]]:
        """All of it, for a checkpoint."""
        return [window.dump() for window in self._windows]

    def restore(self, state: Sequence[Mapping[str, str]]) -> None:
        """Begin with what a checkpoint holds."""
        for window, each in zip(self._windows, state, strict=True):
            window.restore(each)

"""``profile_block`` and ``profile_function``: how long a piece of code takes, and why where it is slow."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, overload

from logweir import process
from logweir.clean import CUT, MAX_TEXT_CHARACTERS
from logweir.notices import Notices
from logweir.spans import Span
from logweir.timed import event

if TYPE_CHECKING:
    from pyinstrument import Profiler
    from pyinstrument.session import Session

SAMPLES_TO_THRESHOLD: Final = 50
"""A block that just becomes slow has so many."""
SHORTEST_INTERVAL_SECONDS: Final = 0.001
LONGEST_INTERVAL_SECONDS: Final = 0.02
MAX_SAMPLES: Final = 250
"""Rendered at most, evenly chosen: some 7 us each, on the application's thread."""

Function = TypeVar("Function", bound=Callable[..., Any])


def profile_block(
    block: str, /, *, slow_seconds: float | None = None, cpu: bool = False, **fields: Any
) -> event:
    """Time a block of code under a low-cardinality name: one ``profile.block``.

    ::

        with logweir.profile_block("render", cpu=True): ...

    One that takes `slow_seconds` or longer, by default the `slow_block_seconds` of `configure`, is a
    ``profile.block.slow``, too; 0: none is. With `cpu` that event holds a `profile`: a text in which calls
    its time went, by samples of this thread or task. It needs pyinstrument (``logweir[profile]``), which is
    imported when the first such block is made. A block then costs some 30 us more, a slow one 2 ms. Inside of
    another profile, and for generators, there is none.
    """
    return _Block("profile.block", slow_seconds=slow_seconds, block=block, **fields)._sampled(cpu)


@overload
def profile_function(function: Function, /) -> Function: ...


@overload
def profile_function(
    *, block: str | None = None, slow_seconds: float | None = None, cpu: bool = False, **fields: Any
) -> Callable[[Function], Function]: ...


def profile_function(
    function: Function | None = None, /, *, block: str | None = None, **more: Any
) -> Function | Callable[[Function], Function]:
    """`profile_block` for each call of a function; its `block` is the module's and the function's name."""

    def decorate(function: Function) -> Function:
        return profile_block(block or f"{function.__module__}.{function.__qualname__}", **more)(function)

    return decorate if function is None else decorate(function)


class _Block(event):
    _cpu = False
    _profiler: Profiler | None = None
    _session: Session | None = None

    def _sampled(self, cpu: bool) -> Self:
        self._cpu = cpu and _profiler_class() is not None
        return self

    def __enter__(self) -> Self:
        if self._cpu and not self._detached and self._span is None and (threshold := self._threshold()) > 0:
            self._profiler = _started(threshold, self._given["block"])
        return super().__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._profiler is not None:
            self._session = _stopped(self._profiler)
        super().__exit__(kind, error, traceback)

    def _threshold(self) -> float:
        given = self._slow_seconds
        return process.emitter().settings.slow_block_seconds if given is None else given

    def _tell_slow(self, fields: dict[str, Any], span: Span) -> None:
        if self._session is not None:
            fields["profile"] = _text(self._session)
        super()._tell_slow(fields, span)


@lru_cache(maxsize=1)
def _profiler_class() -> type[Profiler] | None:
    """Pyinstrument's, imported once it is asked for; where it is missing, that is said once."""
    try:
        from pyinstrument import Profiler  # noqa: PLC0415 - an extra, and half of 0.1 s
    except ImportError:
        Notices().say(
            "profile",
            "cpu=True needs pyinstrument (pip install 'logweir[profile]'); blocks are timed without it",
        )
        return None
    return Profiler


def _started(slow_seconds: float, block: str) -> Profiler | None:
    profiler_class = _profiler_class()
    if profiler_class is None:
        return None
    interval = min(
        max(slow_seconds / SAMPLES_TO_THRESHOLD, SHORTEST_INTERVAL_SECONDS), LONGEST_INTERVAL_SECONDS
    )
    try:
        profiler = profiler_class(interval=interval)
        profiler.start(target_description=block)
    except Exception:  # noqa: BLE001 - another one is running in this thread or task
        return None
    return profiler


def _stopped(profiler: Profiler) -> Session | None:
    try:
        return profiler.stop()
    except Exception:  # noqa: BLE001 - a block that ends in another thread than it began in
        return None


def _text(session: Session) -> str:
    """The tree of calls, most expensive first, within what a field may hold."""
    try:
        from pyinstrument.renderers import ConsoleRenderer  # noqa: PLC0415 - see _profiler_class

        stride = -(-len(session.frame_records) // MAX_SAMPLES) or 1
        session.frame_records = [
            (stack, seconds * stride) for stack, seconds in session.frame_records[::stride]
        ]
        text = ConsoleRenderer(unicode=False, color=False, short_mode=True).render(session).strip()
    except Exception as fault:  # noqa: BLE001 - a slow block is told, whatever becomes of its profile
        return f"no profile: {type(fault).__name__}"
    if len(text) <= MAX_TEXT_CHARACTERS:
        return text
    return f"{text[: MAX_TEXT_CHARACTERS - len(CUT) - 1].rpartition(chr(10))[0]}\n{CUT}"

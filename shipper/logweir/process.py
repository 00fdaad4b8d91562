"""The one emitter of this process: configured, or made from the environment by the first event."""

from __future__ import annotations

import asyncio
import atexit
import os
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from typing import Any, Final

from logweir.emitter import Emitter
from logweir.notices import Notices
from logweir.samplers import Sampler
from logweir.settings import Arguments, Destination, Durability, Settings, read
from logweir.sink import Sink

EXIT_FLUSH_SECONDS: Final = 2.0

_making = threading.RLock()
os.register_at_fork(before=_making.acquire, after_in_parent=_making.release, after_in_child=_making.release)
_emitter: Emitter | None = None
_earlier: list[Emitter] = []
"""Those that another `configure` replaced while they still had something to send, the newest first."""
_captured: Sink | None = None
"""Where all events go while a test captures them."""


def configure(  # noqa: PLR0913 - each is a keyword that a deployment may want to set
    service: str | None = None,
    *,
    to: Destination | Sink | None = None,
    url: str | None = None,
    token: str | None = None,
    environment: str | None = None,
    version: str | None = None,
    level: str | None = None,
    promote: bool | None = None,
    durability: Durability | None = None,
    spool: str | os.PathLike[str] | None = None,
    max_spool_bytes: int | None = None,
    max_queue_bytes: int | None = None,
    slow_request_seconds: float | None = None,
    slow_block_seconds: float | None = None,
    traces_sample_rate: float | None = None,
    capture: Collection[str] | None = None,
    samplers: Collection[str | Sampler] | None = None,
) -> None:
    """Say which service this is and where its events go. Calling it again with the same changes nothing.

    An argument wins over its environment variable, that over the default; no thread is started and nothing
    is sent before the first event.

    Where it changes something, what was emitted so far still goes where it was meant to go.

    - `service`: LOGWEIR_SERVICE, then OTEL_SERVICE_NAME, then the name of the script.
    - `url`: LOGWEIR_URL, the service's base address. Without one, events are written to standard output.
    - `to`: "http" or "stdout", where that does not follow from `url`; or an object with ``put(line, level)``.
    - `token`: LOGWEIR_TOKEN.
    - `environment`: SENTRY_ENVIRONMENT, then ENVIRONMENT.
    - `version`: SENTRY_RELEASE, then RELEASE_VERSION, then APP_VERSION.
    - `level`: LOG_LEVEL, the lowest level that is emitted; "info".
    - `promote`: False keeps all events of this process out of Sentry; so does ENABLE_SENTRY=false.
    - `slow_request_seconds`: LOGWEIR_SLOW_REQUEST_SECONDS; 1.0. A request that takes so long to answer makes
      an ``http.request.slow`` besides; 0: none does.
    - `slow_block_seconds`: LOGWEIR_SLOW_BLOCK_SECONDS; 1.0. The same for `profile_block` and
      ``profile.block.slow``.
    - `traces_sample_rate`: SENTRY_TRACES_SAMPLE_RATE, the share of the traces begun here that is sampled.
    - `capture`: which reports of Python's become events, and no others: "logging", "warnings", "excepthook",
      "threading", "asyncio"; see `logweir.capture`.
    - `durability`: LOGWEIR_DURABILITY, what an event that waits survives: "crash" of the process, where it
      waits on disk; "power", where it is also synced; "memory" for neither. "crash".
    - `spool`: LOGWEIR_SPOOL, the folder where events wait; see the docs for its default.
    - `max_spool_bytes`: LOGWEIR_SPOOL_BYTES, what may wait there, of all processes of a service; 256 MiB.
    - `max_queue_bytes`: what may wait with durability "memory"; 64 MiB.
    - `samplers`: LOGWEIR_SAMPLERS, of which "off" wins. What tells at intervals: "load", "system" (needs the
      extra), a `Health`, or your own.

    Raises ValueError naming the argument or variable whose value cannot be used; then nothing has changed.
    """
    if capture is not None:
        import_module("logweir.capture").checked(capture)
    settings = read(
        Arguments(
            service=service,
            to=to,
            url=url,
            token=token,
            environment=environment,
            version=version,
            level=level,
            promote=promote,
            durability=durability,
            spool=spool,
            max_spool_bytes=max_spool_bytes,
            max_queue_bytes=max_queue_bytes,
            slow_request_seconds=slow_request_seconds,
            slow_block_seconds=slow_block_seconds,
            traces_sample_rate=traces_sample_rate,
            samplers=samplers,
        )
    )
    _use(settings)
    if capture is not None:
        import_module("logweir.capture").only(capture)


def _use(settings: Settings) -> None:
    global _emitter  # noqa: PLW0603 - one process has one stream of events
    with _making:
        settings = _diverted(settings)
        earlier = _emitter
        if earlier is not None and earlier.settings == settings:
            return
        _emitter = Emitter(settings)
        if earlier is not None:
            _earlier.insert(0, earlier)
    if earlier is not None and earlier.close(0):
        _earlier.remove(earlier)


def emitter() -> Emitter:
    """The process's emitter; made from the environment where `configure` was not called."""
    return _emitter or _make_from_environment()


def _make_from_environment() -> Emitter:
    global _emitter  # noqa: PLW0603 - see configure
    with _making:
        if _emitter is None:
            try:
                settings = read(Arguments())
            except ValueError as fault:
                Notices().say("settings", f"{fault}; events go to standard output")
                settings = read(Arguments(), environ={})
            _emitter = Emitter(_diverted(settings))
        return _emitter


@contextmanager
def capturing(sink: Sink) -> Iterator[None]:
    """For the time of the block all events go to `sink`, whatever is configured before or meanwhile."""
    global _captured, _earlier, _emitter  # noqa: PLW0603 - see configure
    with _making:
        before = _captured, _earlier, _emitter
        kinds = _capturing_kinds()
        _captured, _earlier = sink, []
        _emitter = Emitter(_diverted(_emitter.settings)) if _emitter else None
    try:
        yield
    finally:
        with _making:
            _captured, _earlier, _emitter = before
        if _capturing_kinds() != kinds:
            import_module("logweir.capture").only(kinds)


def _capturing_kinds() -> list[str]:
    capture = sys.modules.get("logweir.capture")
    return capture.installed() if capture else []


def _diverted(settings: Settings) -> Settings:
    """`settings`, or while a test captures those that keep every event and start nothing."""
    if _captured is None:
        return settings
    return replace(settings, to=_captured, level="debug", enabled=True, samplers=())


def emit(event: str, level: str = "info", **fields: Any) -> None:
    """Emit one event: a low-cardinality dotted name, and what is known about it."""
    emitter().emit(event, level, fields)


def flush(timeout_seconds: float = 2.0) -> bool:
    """Wait until all events so far are delivered. False where the time ran out; they stay queued then."""
    return _all_done(Emitter.flush, timeout_seconds)


async def aflush(timeout_seconds: float = 2.0) -> bool:
    """`flush` without holding up the event loop."""
    return await asyncio.to_thread(flush, timeout_seconds)


def close(timeout_seconds: float = 2.0) -> bool:
    """Flush, and tell the service that this stream has ended. An event emitted later opens a new one."""
    return _all_done(Emitter.close, timeout_seconds)


async def aclose(timeout_seconds: float = 2.0) -> bool:
    """`close` without holding up the event loop."""
    return await asyncio.to_thread(close, timeout_seconds)


def stats() -> Mapping[str, Any]:
    """What became of the events so far: emitted, sent, queued, dropped by reason and level, retries, ..."""
    counted: Mapping[str, Any] = emitter().stats()
    for earlier in _earlier:
        counted = _sum(counted, earlier.stats())
    return counted


@atexit.register
def _close_at_exit() -> None:
    _all_done(Emitter.close_at_exit, EXIT_FLUSH_SECONDS)


def _all_done(end: Callable[[Emitter, float], bool], timeout_seconds: float) -> bool:
    """Call `end` on the emitter and on earlier ones, within one time; whether all were done."""
    deadline = time.monotonic() + timeout_seconds
    emitters = [_emitter, *_earlier] if _emitter else _earlier
    done = [end(each, max(0.0, deadline - time.monotonic())) for each in emitters]
    return all(done)


def _sum(newer: Mapping[str, Any], older: Mapping[str, Any]) -> dict[str, Any]:
    """Counts added, also in mappings of counts; of anything else the newer."""
    total = {**older, **newer}
    for key in older.keys() & newer.keys():
        if isinstance(newer[key], Mapping):
            total[key] = _sum(newer[key], older[key])
        elif isinstance(newer[key], int):
            total[key] += older[key]
    return total

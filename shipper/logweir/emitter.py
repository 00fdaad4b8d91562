"""Where all doors lead: an event is encoded and handed to the sink, unless it is below the threshold."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from logweir import levels, otel
from logweir.encode import Encoder
from logweir.fork import after_fork_in_child
from logweir.notices import Notices
from logweir.samplers import Samplers, is_sampling
from logweir.sender import HttpTransport
from logweir.settings import Settings
from logweir.sink import Sink, Transport
from logweir.spool.place import Plan
from logweir.stdout import StdoutTransport
from logweir.tally import Tally

_NUMBER: Final = levels.NUMBER
_NOTHING: Final = 1000
"""A threshold that no event reaches."""


class Emitter:
    """Makes events as `settings` say. Nothing it does blocks or raises into the application."""

    def __init__(self, settings: Settings, *, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self.settings = settings
        self._clock_ns = clock_ns
        self._threshold = _NUMBER[settings.level] if settings.enabled else _NOTHING
        self._notices = Notices()
        self.sink = _open_sink(settings, self._notices, report=self._report)
        self._samplers = Samplers(settings.samplers if settings.enabled else (), notices=self._notices)
        self._identify()
        after_fork_in_child(self._identify)

    def _identify(self) -> None:
        """The fields that all events of this process share; the instance is another after a fork."""
        settings = self.settings
        self._samplers.forget()
        self._begin()
        base = {
            "service": settings.service,
            "environment": settings.environment,
            "service_version": settings.version,
            "server_name": settings.server_name,
            "service_instance_id": f"{settings.server_name}:{os.getpid()}",
        }
        self._tally = Tally()
        self._encoder = Encoder(
            {key: value for key, value in base.items() if value is not None},
            forced={} if settings.promote else {"promote": False},
            clock_ns=self._clock_ns,
        )

    def _begin(self) -> None:
        """Let the next event start the samplers, so that no thread runs before there is one."""
        self._put = self._put_first if self._samplers else self.sink.put

    def _put_first(self, line: bytes, level: str) -> None:
        self.sink.put(line, level)
        if not is_sampling():
            self._put = self.sink.put
            self._samplers.start()

    def emit(
        self,
        event: str,
        level: str,
        fields: dict[str, Any],
        *,
        error: BaseException | None = None,
        handled: bool = True,
    ) -> None:
        """Emit one event. `fields` becomes the emitter's own; `error` is described in the event."""
        try:
            number = _NUMBER.get(level) if type(level) is str else None
            if number is None:
                level = levels.normalise(level) or "info"
                number = _NUMBER[level]
            if number >= self._threshold:
                self._put(self._encoder.encode(event, level, fields, otel.current(), error, handled), level)
        except Exception as fault:  # noqa: BLE001 - an application never fails because it logs
            self._tally.add("failed", level if type(level) is str else "info")
            self._notices.say("emit", f"an event was lost: {type(fault).__name__}: {fault}")

    def is_enabled_for(self, level: str) -> bool:
        """Whether an event of this canonical level is emitted at all."""
        return _NUMBER[level] >= self._threshold

    def encode(
        self, event: str, level: str, fields: dict[str, Any], *, error: BaseException | None = None
    ) -> bytes:
        """The line that `emit` would hand on, for doors that write it themselves."""
        return self._encoder.encode(event, level, fields, otel.current(), error)

    def flush(self, timeout_seconds: float) -> bool:
        """Wait until all events so far are delivered; False where the time ran out."""
        return self._transport.flush(timeout_seconds) if self._transport else True

    def close(self, timeout_seconds: float) -> bool:
        """Flush and end the stream; an event emitted later opens a new one."""
        self._samplers.stop(timeout_seconds)
        self._begin()
        return self._transport.close(timeout_seconds) if self._transport else True

    def close_at_exit(self, timeout_seconds: float) -> bool:
        """The same, while the interpreter shuts down."""
        self._samplers.stop(timeout_seconds)
        if isinstance(self.sink, HttpTransport):
            return self.sink.close_at_exit(timeout_seconds)
        return self.close(timeout_seconds)

    def stats(self) -> Mapping[str, Any]:
        """What became of the events so far."""
        custom: dict[str, Any] = {"transport": "custom"}
        counted = self._transport.stats() if self._transport else custom
        dropped = {**counted.get("dropped", {}), **self._tally.by_reason()}
        return {**counted, "dropped": dropped, "encode_errors": self._encoder.encode_errors}

    def _report(self) -> None:
        """Emit what `stats` tells, whatever the lowest level is. Called by the sender each minute."""
        try:
            told = {f"shipper_{key}": value for key, value in self.stats().items() if value is not None}
            dropped = told.get("shipper_dropped", {})
            told["shipper_dropped_events"] = sum(sum(levels.values()) for levels in dropped.values())
            self._put(self._encoder.encode("logweir.shipper.stats", "info", told, {}), "info")
        except Exception as fault:  # noqa: BLE001 - see emit
            self._notices.say("report", f"stats could not be emitted: {type(fault).__name__}: {fault}")

    @property
    def _transport(self) -> Transport | None:
        return self.sink if isinstance(self.sink, Transport) else None


def _open_sink(settings: Settings, notices: Notices, *, report: Callable[[], None]) -> Sink:
    if settings.to == "stdout":
        return StdoutTransport(notices=notices)
    if settings.to == "http":
        assert settings.url is not None
        return HttpTransport(
            settings.url,
            token=settings.token,
            max_queue_bytes=settings.max_queue_bytes,
            notices=notices,
            plan=_plan(settings),
            report=report,
        )
    assert not isinstance(settings.to, str)
    return settings.to


def _plan(settings: Settings) -> Plan | None:
    if settings.durability == "memory":
        return None
    return Plan(
        folder=settings.spool,
        service=settings.service,
        max_bytes=settings.max_spool_bytes,
        sync=settings.durability == "power",
        shared=settings.shared_spool,
    )

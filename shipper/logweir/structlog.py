"""The door for structlog: a bound logger that is one fused step, and a processor for own chains."""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any, Final, NoReturn, cast

import structlog
from structlog.typing import FilteringBoundLogger

from logweir import levels, records
from logweir.process import emitter

_Base: Any = structlog.make_filtering_bound_logger(logging.NOTSET)


class BoundLogger(_Base):  # type: ignore[misc]  # structlog makes its class at run time
    """structlog's bound logger without a chain: what it is told goes straight to the emitter.

    `bind`, `unbind`, `new` and the async methods are structlog's. The first argument is the event's name; a
    free text becomes the message of a `log.record`. Levels below the configured one are skipped.
    """

    def debug(self, event: str | None = None, *args: Any, **fields: Any) -> None:
        """Emit at level debug."""
        self._send("debug", event, args, fields)

    def info(self, event: str | None = None, *args: Any, **fields: Any) -> None:
        """Emit at level info."""
        self._send("info", event, args, fields)

    def warning(self, event: str | None = None, *args: Any, **fields: Any) -> None:
        """Emit at level warning."""
        self._send("warning", event, args, fields)

    def error(self, event: str | None = None, *args: Any, **fields: Any) -> None:
        """Emit at level error."""
        self._send("error", event, args, fields)

    def critical(self, event: str | None = None, *args: Any, **fields: Any) -> None:
        """Emit at level critical."""
        self._send("critical", event, args, fields)

    def exception(self, event: str | None = None, *args: Any, **fields: Any) -> None:
        """Emit at level error, with the exception that is being handled."""
        fields.setdefault("exc_info", True)
        self._send("error", event, args, fields)

    def log(self, level: int | str, event: str | None = None, *args: Any, **fields: Any) -> None:
        """Emit at a level given by its number or name."""
        self._send(levels.normalise(level) or "info", event, args, fields)

    msg, warn, fatal = info, warning, critical

    def is_enabled_for(self, level: int) -> bool:
        """Whether events of this numeric level are emitted."""
        return emitter().is_enabled_for(levels.from_number(level))

    def get_effective_level(self) -> int:
        """The number of the lowest level that is emitted."""
        return levels.NUMBER[emitter().settings.level]

    def _send(self, level: str, event: str | None, args: tuple[Any, ...], fields: dict[str, Any]) -> None:
        bound: dict[str, Any] = self._context
        if bound:
            fields = {**bound, **fields}
        name = event if event is not None else ""
        if args:
            fields.setdefault("message_template", name)
            name = _format(name, args)
        if fields.get("stack_info") is True:
            fields["stack_info"] = _stack()
        emitter().emit(name, level, fields)

    def _proxy_to_logger(self, method_name: str, event: str | None = None, **fields: Any) -> None:
        self._send(levels.normalise(method_name) or "info", event, (), fields)


def get_logger(name: str | None = None, **initial_values: Any) -> FilteringBoundLogger:
    """A structlog logger whose events are ours; needs no ``structlog.configure``. `name` becomes `logger`."""
    fields = {"logger": name, **initial_values} if name else initial_values
    return cast("FilteringBoundLogger", BoundLogger(None, [processor], fields))


def processor(logger: Any, method_name: str, event_dict: MutableMapping[str, Any]) -> NoReturn:
    """The one processor of an application's own structlog configuration, or the last of its chain.

    ``structlog.configure(processors=[logweir.structlog.processor],
    logger_factory=logweir.structlog.factory)``

    Alone it does what elsewhere takes processors for level, time, logger name, positional arguments, stack
    and exception. ``structlog.contextvars.merge_contextvars`` goes in front where an application binds there.
    """
    if records.is_own():
        raise structlog.DropEvent
    fields = dict(event_dict)
    event = fields.pop("event", "")
    level = levels.normalise(fields.pop("level", method_name)) or "info"
    fields.pop("timestamp", None)
    if isinstance(fields.get("exception"), str):
        fields["exception_text"] = fields.pop("exception")
    arguments = fields.pop("positional_args", None)
    if arguments:
        fields.setdefault("message_template", event)
        event = _format(event, tuple(arguments))
    name = getattr(logger, "name", None)
    if name:
        fields.setdefault("logger", name)
    if fields.get("stack_info") is True:
        fields["stack_info"] = _stack()
    emitter().emit(event, level, fields)
    raise structlog.DropEvent


class _Nowhere:
    """What a chain that ends in `processor` wraps; it is never called, and only known by its name."""

    def __init__(self, name: str | None) -> None:
        self.name = name

    def __getattr__(self, name: str) -> Any:
        return self._ignore

    def _ignore(self, *args: Any, **kwargs: Any) -> None:
        """Take anything."""


def factory(*args: Any) -> Any:
    """The `logger_factory` that goes with `processor`; `get_logger` hands on the logger's name."""
    return _Nowhere(args[0] if args and isinstance(args[0], str) else None)


_render_stack: Final = structlog.processors.StackInfoRenderer(additional_ignores=["logweir"])


def _stack() -> str:
    """The stack of whoever logs."""
    return str(_render_stack(None, "", {"stack_info": True}).get("stack", ""))


def _format(template: str, args: tuple[Any, ...]) -> str:
    """`template` with its arguments, as structlog and logging do it; a misfit is shown, not raised."""
    try:
        return template % (args[0] if len(args) == 1 and isinstance(args[0], dict) and args[0] else args)
    except Exception:  # noqa: BLE001 - the arguments' own methods may raise anything
        return f"{template} {len(args)} arguments do not fit"

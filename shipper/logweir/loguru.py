"""The door for loguru: a sink that makes events of its records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from logweir import levels, records
from logweir.process import emitter

if TYPE_CHECKING:
    from loguru import Logger, Message


def add(logger: Logger, *, level: str | int = 0, **options: Any) -> int:
    """Add the sink to loguru's `logger`, and give back the number by which `remove` knows it.

    ``logweir.loguru.add(logger)``. The text that loguru would format, tracebacks with the values of local
    variables included, is not made at all. `options` are those of loguru's own ``add``; `enqueue` among them
    would part events from their context, and is not needed: the sink never waits.
    """
    return logger.add(sink, level=level, format=_no_text, **options)


def sink(message: Message) -> None:
    """Make an event of one record, for ``logger.add(logweir.loguru.sink)``.

    A message that is a dotted name (``order.placed``), or a field ``event``, names the event; any other is
    the `message` of a `log.record`. All that was bound or given as keyword is kept. Records made while the
    shipper posts are passed over.
    """
    record = message.record
    if records.is_own(record["thread"].name):
        return
    fields: dict[str, Any] = dict(record["extra"])
    if "message" in fields:
        fields["message_"] = fields.pop("message")
    event, text = records.name(fields.pop("event", None), record["message"], is_literal=True)
    if text:
        fields["message"] = text
    fields.setdefault("logger", record["name"])
    if waited := records.time_of_waiting(record["time"].timestamp()):
        fields["timestamp"] = waited
    error = record["exception"].value if record["exception"] else None
    emitter().emit(event, levels.from_number(record["level"].no), fields, error=error)


def _no_text(record: Any) -> str:  # noqa: ARG001 - loguru's signature
    return ""

"""The doors for the standard library's logging: a handler, and a formatter of python-json-logger's kind."""

from __future__ import annotations

import logging
from typing import Any, Final, NamedTuple

from pythonjsonlogger.core import BaseJsonFormatter

from logweir import levels, records
from logweir.process import emitter

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""What every record has; all else in a record was brought by ``extra``."""


class Handler(logging.Handler):
    """Turns log records into events: ``logging.getLogger().addHandler(logweir.logging.Handler())``.

    A message that is a dotted name (``order.placed``), or ``extra={"event": ...}``, names the event; any
    other becomes the `message` of a `log.record`, its unformatted form the `message_template`. All of
    `extra` is kept. Works from ``dictConfig``; `flush` and `close` never wait. Records made
    while the shipper posts (urllib3 logs each request) are passed over, for they would make the next post.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Emit one record as an event."""
        if records.is_own(record.threadName):
            return
        try:
            parts = _read(record)
            emitter().emit(parts.event, parts.level, parts.fields, error=parts.error)
        except Exception:  # noqa: BLE001 - a record made by hand may hold anything
            self.handleError(record)


class Formatter(BaseJsonFormatter):
    """Formats records as canonical events, for a stream handler: one line of JSON each.

    Takes python-json-logger's options: `rename_fields`, `static_fields`, `defaults`, a `fmt` that names
    fields.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The event as one line without a newline."""
        parts = _read(record)
        record.message = parts.fields.get("message")  # type: ignore[assignment]  # None: the event is named by it
        if "asctime" in self._required_fields:
            record.asctime = self.formatTime(record, self.datefmt)
        extra: dict[str, Any] = {}
        self.add_fields(extra, record, {})
        kept = {key: value for key, value in parts.fields.items() if key not in self.rename_fields}
        named = {key: value for key, value in extra.items() if value is not None and key != "event"}
        fields = self.process_log_record({**kept, **named})
        line = emitter().encode(parts.event, parts.level, fields, error=parts.error)
        return self.prefix + line[:-1].decode()


class _Parts(NamedTuple):
    event: str
    level: str
    fields: dict[str, Any]
    error: BaseException | None


def _read(record: logging.LogRecord) -> _Parts:
    fields = {key: value for key, value in record.__dict__.items() if key not in _STANDARD}
    fields["logger"] = record.name
    if waited := records.time_of_waiting(record.created):
        fields["timestamp"] = waited
    if isinstance(record.msg, dict):
        fields.update(record.msg)
        text = str(fields.pop("message", ""))
    else:
        text = _message(record)
    event, message = records.name(fields.pop("event", None), text, is_literal=not record.args)
    if message:
        fields["message"] = message
    if record.args:
        fields["message_template"] = str(record.msg)
    error = record.exc_info[1] if record.exc_info else None
    if error is None and record.exc_text:
        fields["exception_text"] = record.exc_text
    if record.stack_info:
        fields["stack_info"] = record.stack_info
    return _Parts(event, levels.from_number(record.levelno), fields, error)


def _message(record: logging.LogRecord) -> str:
    """The formatted message; where the arguments do not fit, the template and a remark."""
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - the arguments' own methods may raise anything
        return f"{record.msg!s} (its arguments do not fit)"

"""Promotion: error events become Sentry issues, each with the story that led to it.

The journal is the outbox and a cursor over it the only state: what is promoted follows from the events stored
and the rules in force, so that a restart finds every error that was not delivered, and sends none under
another id. On the way to a sender's answer only `Worker.count` and `Worker.committed` are called, which touch
no file. The `Sender` of `promote.send` is not imported here: without a DSN nobody needs the Sentry SDK.
"""

from logweir_service.promote.cursor import Cursor
from logweir_service.promote.explanation import Verdict, verdicts
from logweir_service.promote.payload import Defaults, sentry_event
from logweir_service.promote.ports import JournalReader, Stories
from logweir_service.promote.rehearsal import Promotion, Rehearsal, dry_run, envelope_text
from logweir_service.promote.route import EventSender
from logweir_service.promote.selection import Selection
from logweir_service.promote.worker import Report, Worker

__all__ = [
    "Cursor",
    "Defaults",
    "EventSender",
    "JournalReader",
    "Promotion",
    "Rehearsal",
    "Report",
    "Selection",
    "Stories",
    "Verdict",
    "Worker",
    "dry_run",
    "envelope_text",
    "sentry_event",
    "verdicts",
]

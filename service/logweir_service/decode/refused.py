"""The refusal of one event, and of a body that holds too many."""

from __future__ import annotations

from logweir_service.errors import Refusal
from logweir_service.limits import Limits


class Refused(Exception):
    """A line that is no acceptable event: a `code` and a `field` for programs, a `message` for people."""

    def __init__(self, code: str, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.field = field
        self.message = message


def too_many_events(limits: Limits) -> Refusal:
    """The refusal of a body with more lines or elements than the limit."""
    message = f"more than {limits.max_events} lines in one body; send smaller batches"
    return Refusal(413, "too_many_events", message)

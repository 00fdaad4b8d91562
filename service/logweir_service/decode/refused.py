"""The refusal of one event."""

from __future__ import annotations


class Refused(Exception):
    """A line that is no acceptable event: a `code` and a `field` for programs, a `message` for people."""

    def __init__(self, code: str, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.field = field
        self.message = message

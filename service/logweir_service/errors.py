"""Every fault the service names, and what an operator or a sender is told of it.

::

    LogweirError
    ├── OperatorError              one line and an exit code; the operator can mend it
    │   ├── AddressInUse           75, EX_TEMPFAIL: it may be free soon
    │   ├── ConfigurationError     78
    │   │   └── RulesError         78, one problem per line, each with its place
    │   ├── UnknownFormat          78
    │   ├── FolderLocked           73
    │   ├── StorageBroken          70
    │   └── LookUpFailed           1, a running service could not be asked
    ├── JobFailed                  a child process ended with a fault of its own
    ├── JobLate                    a child process took longer than it may
    ├── RecoveryStopped            no fault at all: a stop was asked for before the start was over
    └── Refusal                    a request that is answered with a status and a code
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import ClassVar


class LogweirError(Exception):
    """The root of all faults raised on purpose."""


class OperatorError(LogweirError):
    """A fault that an operator can mend: its text says what, where, and what to do, in one line."""

    exit_code: ClassVar[int] = 70


class ConfigurationError(OperatorError):
    """A setting that cannot be used."""

    exit_code = 78


class RulesError(ConfigurationError):
    """Rules that cannot be used; ``problems`` holds one ``PLACE: text`` each.

    A place is a file and its line, a source of rules, or a setting.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class AddressInUse(OperatorError):
    """Another process listens there, as a service that was told to stop does while it drains."""

    exit_code = 75


class UnknownFormat(OperatorError):
    """A data folder written in a format that this version does not know. Nothing was changed in it."""

    exit_code = 78


class FolderLocked(OperatorError):
    """Another service owns the data folder."""

    exit_code = 73


class NotCovered(OperatorError):
    """No checkpoint covers all of the journal, so nothing may be taken out of it."""

    exit_code = 1


class StorageBroken(OperatorError):
    """The disk refused to make data durable; the process must not go on with this file."""

    exit_code = 70


class LookUpFailed(OperatorError):
    """A running service could not be asked."""

    exit_code = 1


class JobFailed(LogweirError):
    """A child process could not do its job; its text says what it was and what the child said."""


class JobLate(LogweirError):
    """A child process did not do its job in the time that it had."""


class RecoveryStopped(LogweirError):
    """A stop was asked for while the journal was being read; the next start reads it again."""


class Refusal(LogweirError):
    """A request that is not accepted as it stands.

    ``status`` is the HTTP status, ``code`` the machine-readable reason, ``retry_after_seconds`` a hint to the
    sender, or None; ``service`` is whose events these are, for the log, where that is known.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        retry_after_seconds: float | None = None,
        service: str = "",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after_seconds = retry_after_seconds
        self.service = service

    def retry_after(self) -> int | None:
        """Whole seconds for the header, spread at random, so that senders do not come back together."""
        if self.retry_after_seconds is None:
            return None
        return max(1, round(self.retry_after_seconds * random.uniform(0.75, 1.5)))  # noqa: S311 - no secret


def told_by_system(fault: BaseException) -> str:
    """What the operating system says of a fault or of one behind it; empty where it says nothing."""
    cause: BaseException | None = fault
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    return ""

"""What doors for foreign log records share: which name a record has, when it was made, and whose it is."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import Any, Final

from logweir.fields import UNNAMED_EVENT
from logweir.sender import THREAD_NAME, is_posting

_NAME: Final = re.compile(r"(?=.{3,128}$)[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")
"""Stricter than the service's grammar, since few messages are meant as names: not ``done.`` nor ``1.2.3``."""
_FRESH_SECONDS: Final = 0.05
"""A record older than this has waited in a queue, and its own time is taken."""


def name(given: Any, text: str, *, is_literal: bool) -> tuple[str, str]:
    """The event's name and its message.

    The name is what was `given` as one, else the `text` where it reads like a name and nothing was formatted
    into it; any other text is the message of a `log.record`.
    """
    if isinstance(given, str) and given:
        return given, text
    if is_literal and _NAME.fullmatch(text):
        return text, ""
    return UNNAMED_EVENT, text


def time_of_waiting(created: float) -> str | None:
    """The time of a record that was made at `created`, in seconds, and comes late; None where it is fresh."""
    if time.time() - created <= _FRESH_SECONDS:
        return None
    return f"{datetime.fromtimestamp(created, UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


def is_own(thread_name: str | None = None) -> bool:
    """Whether a record comes from the shipper's own posting (urllib3 logs each request, and warns).

    As an event it would make the next post, and that the next event. A record that went through a queue
    tells by its `thread_name`.
    """
    return thread_name == THREAD_NAME or is_posting()

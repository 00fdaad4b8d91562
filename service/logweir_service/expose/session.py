"""Sessions of people who read: a cookie instead of a token that a browser cannot send."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Final

from logweir_service.access import Tokens

COOKIE: Final = "logweir_session"

SESSION_SECONDS: Final = 12 * 3600
"""A working day: whoever is on call enters the token once."""

_FORM: Final = re.compile(r"([0-9]{1,12})\.([0-9a-f]{64})")


class Sessions:
    """Opens sessions for the holders of `tokens` and knows them again; nothing is kept of them here.

    A session reads ``EXPIRY.SIGNATURE``, signed by a key that is derived from the token it was opened with: a
    restart keeps it, and to remove the token from the settings ends it.
    """

    def __init__(self, tokens: Tokens, *, clock: Callable[[], float] = time.time) -> None:
        self._tokens = tokens
        self._clock = clock

    def open(self, token: str) -> str | None:
        """A new session for the holder of `token`; None where it is not one of the tokens."""
        expiry = str(int(self._clock()) + SESSION_SECONDS)
        signature = self._tokens.sign(token, expiry)
        return signature and f"{expiry}.{signature}"

    def knows(self, session: str | None) -> bool:
        """Whether `session` was opened here by a token that is still one, and is not over."""
        form = _FORM.fullmatch(session or "")
        if form is None or int(form[1]) <= self._clock():
            return False
        return self._tokens.signed(form[1], form[2])

"""Who may read."""

from __future__ import annotations

from logweir_service.access import Tokens
from logweir_service.errors import Refusal


def require_reader(tokens: Tokens, authorization: str | None) -> None:
    """Let bearers of one of `tokens` pass.

    Raises:
        Refusal: 401.
    """
    if tokens.grant(authorization) is None:
        message = "send Authorization: Bearer TOKEN with one of LOGWEIR_READ_TOKENS"
        raise Refusal(401, "unauthorized", message)

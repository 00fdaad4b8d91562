"""The query of a request, as it may stand in an event."""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote_plus

from logweir.redact import REDACTED, is_secret, mask

_SECRET_PARAMETERS: Final = frozenset({"code", "sig", "signature", "x-amz-signature", "x-goog-signature"})
"""Besides what is secret by its words: what a signed address or an OAuth answer is worth."""


def without_secrets(query: str) -> str:
    """`query` with the values of secret parameters replaced; what is odd stays as it is."""
    kept = []
    for pair in query.split("&"):
        name, equals, _ = pair.partition("=")
        plain = unquote_plus(name)
        is_hidden = equals and (is_secret(plain) or plain.lower() in _SECRET_PARAMETERS)
        kept.append(f"{name}={REDACTED}" if is_hidden else pair)
    return mask("&".join(kept))

"""What is a secret: keys by their words, and patterns in texts that nobody wrote on purpose.

A key is secret where one of its words is. Words are what stands between ``_``, ``-``, ``.`` and the humps of
camelCase, so ``access_token`` is secret and ``gen_ai_usage_input_tokens`` is not. Reserved fields never are.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import Final

from logweir.fields import RESERVED

REDACTED: Final = "[redacted]"

_SECRET_WORDS: Final = frozenset(
    """
    password passwd pwd passphrase passcode secret secrets token authorization cookie credential credentials
    apikey privatekey accesskey jwt csrf xsrf otp cvv cvc
    """.split()
)
_SECRET_PAIRS: Final = frozenset(
    {("api", "key"), ("private", "key"), ("access", "key"), ("secret", "key"), ("signing", "key")}
    | {("encryption", "key"), ("pass", "word"), ("connection", "string"), ("card", "number")}
)
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_BETWEEN_WORDS: Final = re.compile(r"[_\-.\s]+")

_SECRET_TEXTS: Final = (
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"), REDACTED),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}"), rf"\1 {REDACTED}"),
    (re.compile(r"(\w://[^\s:/@]*):[^\s/@]+@"), rf"\1:{REDACTED}@"),
    (re.compile(r"\b\d{6,}:[\w-]{35}\b"), REDACTED),
    (
        re.compile(r"(?i)\b((?:password|passwd|pwd|secret|token|api_?key)\s*[=:]\s*)[^\s,;&'\")]+"),
        rf"\1{REDACTED}",
    ),
)
"""JSON web tokens, HTTP credentials, passwords in connection strings, Telegram tokens, ``password=...``."""


@lru_cache(maxsize=4096)
def is_secret(key: str) -> bool:
    """Whether the value of `key` is to be replaced, judged by the key alone."""
    if key in RESERVED:
        return False
    words = _BETWEEN_WORDS.split(_HUMP.sub("_", key).lower())
    return not _SECRET_WORDS.isdisjoint(words) or any(pair in _SECRET_PAIRS for pair in pairwise(words))


def mask(text: str) -> str:
    """`text` without the credentials that are known by their shape."""
    for pattern, replacement in _SECRET_TEXTS:
        text = pattern.sub(replacement, text)
    return text

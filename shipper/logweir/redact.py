"""What is a secret: keys by their words, and patterns in texts that nobody wrote on purpose.

A key is secret where one of its words is. Words are what stands between ``_``, ``-``, ``.`` and the humps of
camelCase, so ``access_token`` is secret and ``gen_ai_usage_input_tokens`` is not. No reserved field is one.
True and false tell nothing, nor does a number whose key says that it is a measure.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

from logweir.fields import RESERVED

REDACTED: Final = "[redacted]"

_SECRET_WORDS: Final = frozenset(
    """
    password passwords passwd pwd passphrase passcode secret secrets token authorization cookie cookies
    credential credentials apikey privatekey accesskey jwt csrf xsrf otp cvv cvc
    """.split()
)
_SECRET_PAIRS: Final = frozenset(
    {("api", "key"), ("private", "key"), ("access", "key"), ("secret", "key"), ("signing", "key")}
    | {("encryption", "key"), ("pass", "word"), ("connection", "string"), ("card", "number")}
)
_MEASURES: Final = frozenset(
    """
    count counts total usage used size length limit attempts retries age ttl
    ms seconds minutes hours days bytes ratio percent
    """.split()
)
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_END_OF_ACRONYM: Final = re.compile(r"(?<=[A-Z])(?=[A-Z][a-z])")
"""As in ``DBPassword``; in ``APIkey`` it would part a word."""

_BETWEEN_WORDS: Final = re.compile(r"[_\-.\s]+")

TEXTS: Final = frozenset({"message", "exception_text", "stack_info", "url_path"})
"""Fields whose texts nobody wrote for the log alone, so that they are masked as exception messages are."""


_KINDS_OF_KEYS: Final = "|".join(
    rf"(?<={kind}{between}key)"
    for kind in ("api", "access", "private", "secret", "signing", "encryption")
    for between in ("", "[_-]")
)

_WORD: Final = r"""[^\s,;&'")}\]]+"""

_CREDENTIALS: Final = (
    rf"""(?:[a-z][\w-]*[ \t]+)?{_WORD}(?:"[^"\r\n]*"?)?(?:,\s*\w+=(?:\\*"[^"\r\n]*"?|[^\s,"']*))*"""
)
"""A scheme and a word, or parameters, as of ``Digest``."""

_COOKIE: Final = r"""[^\s,;"'=]+(?:=(?:"[^"\r\n]*"?|[^\s,;"']*))?"""
_COOKIES: Final = rf"""(?:\{{[^{{}}]*|[\w.]*\[[^\]]*|{_COOKIE}(?:;[ \t]*{_COOKIE})*)"""
"""Pairs as in a header, or a dict or jar of them as Python prints it."""


def _value_of(key: str, bare: str = _WORD) -> re.Pattern[str]:
    """What follows `key` as its value, quoted or `bare`, in code, JSON, headers, forms and settings."""
    return re.compile(
        rf"""(?i)({key}\\*["']?\s*[=:]\s*)(?!(?:bearer |basic )?\[redacted)"""
        rf"""(?:b?"(?:[^"\\]|\\.)*"?|b?'(?:[^'\\]|\\.)*'?|\\+["'][^"'\\]*|{bare})"""
    )


_SECRET_TEXTS: Final = (
    (
        "private key",
        re.compile(
            r"-----BEGIN [A-Z0-9 ]{0,32}PRIVATE KEY[A-Z ]{0,16}-----(?s:.*?)(?:-----END [A-Z0-9 ]*-----|\Z)"
        ),
        REDACTED,
    ),
    ("eyj", re.compile(r"eyJ(?<![\w-]eyJ)[\w-]{8,}\.[\w-]{8,}\.[\w-]*"), REDACTED),
    (
        "bearer",
        re.compile(r"(?i)\b(bearer)\s+(?!authenti|authori|credential)[\w.~+/=-]{8,}"),
        rf"\1 {REDACTED}",
    ),
    (
        "basic",
        re.compile(r"\b((?i:basic))\s+(?=[\w.~+/=-]*(?:[0-9=]|[a-z][A-Z]))[\w.~+/=-]{8,}"),
        rf"\1 {REDACTED}",
    ),
    ("authorization", _value_of("authorization", _CREDENTIALS), rf"\1{REDACTED}"),
    ("cookie", _value_of("cookies?", _COOKIES), rf"\1{REDACTED}"),
    ("akia", re.compile(r"AKIA(?<![A-Za-z0-9]AKIA)[A-Z0-9]{16}(?![A-Za-z0-9])"), REDACTED),
    ("ghp_", re.compile(r"ghp_(?<![A-Za-z0-9]ghp_)\w{20,}"), REDACTED),
    ("github_pat_", re.compile(r"github_pat_(?<![A-Za-z0-9]github_pat_)\w{20,}"), REDACTED),
    ("xox", re.compile(r"xox[a-z]-(?<![A-Za-z0-9]xox.-)[\w-]{10,}"), REDACTED),
    ("://", re.compile(r"(\w://[^\s:/@]*):[^\s/?#]+@"), rf"\1:{REDACTED}@"),
    (":", re.compile(r"(?<![0-9])[0-9]{6,}:[\w-]{35}(?![\w-])"), REDACTED),
    ("pass", _value_of("pass(?:word|wd|phrase|code)"), rf"\1{REDACTED}"),
    ("pwd", _value_of("pwd"), rf"\1{REDACTED}"),
    ("secret", _value_of("secret"), rf"\1{REDACTED}"),
    ("token", _value_of("token"), rf"\1{REDACTED}"),
    ("key", _value_of(f"key(?:{_KINDS_OF_KEYS})"), rf"\1{REDACTED}"),
)
"""Private keys in PEM, JSON web tokens, HTTP credentials (Basic ones are told from prose by a digit, a ``=``
or a hump) and cookies, tokens of AWS, GitHub, Slack and Telegram, passwords in connection strings,
``password=...``: each behind what a text must hold in lower case, for to look for that first costs a tenth.

Patterns begin with plain letters and look back from there, which is found ten times as fast as the other way
round. What they try at one place ends soon, or is not tried at the next: a text made to be slow is not.
"""


@lru_cache(maxsize=4096)
def is_secret(key: str) -> bool:
    """Whether `key` says that its value is a secret."""
    if key in RESERVED:
        return False
    return _holds_secret(words(key)) or _holds_secret(words(_END_OF_ACRONYM.sub("_", key)))


@lru_cache(maxsize=4096)
def is_measure(key: str) -> bool:
    """Whether a number under `key` is a measure, by its last word: ``token_count``, but not ``otp``."""
    return words(key)[-1] in _MEASURES


def is_hidden(key: str, value: object) -> bool:
    """Whether `value` is to be replaced where it stands under `key`."""
    if value is None or value is True or value is False or not is_secret(key):
        return False
    return type(value) not in (int, float) or not is_measure(key)


def _holds_secret(parts: list[str]) -> bool:
    return not _SECRET_WORDS.isdisjoint(parts) or any(pair in _SECRET_PAIRS for pair in pairwise(parts))


def words(key: str) -> list[str]:
    """The words of a key, in lower case."""
    return _BETWEEN_WORDS.split(_HUMP.sub("_", key).lower())


def mask(text: str) -> str:
    """`text` without the credentials that are known by their shape."""
    folded = text.lower()
    for hint, pattern, replacement in _SECRET_TEXTS:
        if hint in folded:
            text = pattern.sub(replacement, text)
    return text


def mask_texts(fields: dict[str, Any]) -> None:
    """Mask those of `fields` that are `TEXTS`, in place."""
    for key in TEXTS.intersection(fields):
        if issubclass(type(fields[key]), str):
            fields[key] = mask(str.__str__(fields[key]))

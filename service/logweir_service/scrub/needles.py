"""Whether lines may hold a secret: what every secret has in it, looked for in many lines at once.

This is a hot path: bodies that no shipper has scrubbed pay it for every byte. A regular expression that
begins with one rare letter is the fastest search there is here, several times as fast as an alternative of
words; so each begins with the rarest letter of the words behind it. Nothing here decides: what is found is
walked through.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

Needle = Callable[[bytes], object]
"""Looks at lines in lower case; anything true means that they have to be walked through."""

_ESCAPED = re.compile(rb"\\(?:/|u00[2-7])")
"""Characters of the words may be spelled as escapes, and so may the slashes of an address."""

_DIGITS_AS_ZERO = bytes(ord("0") if chr(code) in "0123456789" else code for code in range(256))


def _found(pattern: bytes) -> Needle:
    return re.compile(pattern).search


def _holding(*words: bytes) -> Needle:
    return lambda lines: all(word in lines for word in words)


def _escaped(lines: bytes) -> object:
    return b"\\" in lines and _ESCAPED.search(lines)


def _at(lines: bytes) -> object:
    return b"@" in lines


def card(lines: bytes) -> object:
    """Thirteen digits, whatever stands between them."""
    return b"0" * 13 in lines.translate(_DIGITS_AS_ZERO, b" -")


BUILT_IN: tuple[Needle, ...] = (
    _escaped,
    _at,  # somebody's password in an address
    _holding(b"authorization"),
    _found(rb"k(?:e[yn]|ie|ia(?<=akia))"),  # keys in PEM too, token, cookie, AWS
    _found(rb"j(?:wt|(?<=eyj))"),
    _found(rb"x(?:srf|ox[a-z]-)"),  # the latter are Slack's
    _found(rb"b(?:earer|asic|_pat_)"),
    _found(rb":[\w-]{35}"),  # tokens of Telegram
    _found(rb"c(?:ret(?<=secret)|redential|srf|v[vc]|onnection|ard)"),
    _found(rb"p(?:ass|wd|(?<=otp|ghp))"),  # the last is GitHub's
)
"""For what `logweir.redact` knows."""

OF_PATTERN: dict[str, Needle] = {
    "card": card,
    "jwt": _holding(b"eyj"),
    "bearer": _holding(b"bearer"),
    "email": _at,
}


def of_rules(keys: Iterable[tuple[str, ...]], patterns: Iterable[str]) -> tuple[Needle, ...]:
    """For what rules add: keys by their words in lower case, and patterns."""
    own = [OF_PATTERN[pattern] for pattern in patterns]
    own += [_holding(*(word.encode() for word in words)) for words in sorted(keys)]
    return (_escaped, *own) if own else ()


def any_found(needles: tuple[Needle, ...], lines: bytes) -> bool:
    """Whether one of them is in `lines`."""
    if not needles:
        return False
    folded = lines.lower()
    return any(needle(folded) for needle in needles)

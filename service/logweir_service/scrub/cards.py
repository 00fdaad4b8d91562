"""Card numbers: digits in the groups in which they are printed, whose check digit is right."""

from __future__ import annotations

import re

from logweir.redact import REDACTED

_CARD = re.compile(
    r"(?<![0-9A-Za-z])(?<![0-9]\.)"
    r"(?:(?P<whole>[2-6][0-9]{12,18})"
    r"|(?P<groups>[2-6][0-9]{3}(?P<gap>[ -])[0-9]{4}(?P=gap)[0-9]{4}(?P=gap)[0-9]{1,4})"
    r"(?:(?P=gap)[0-9]{1,3})?"
    r"|(?P<three>3[0-9]{3}(?P<space>[ -])[0-9]{6}(?P=space)[0-9]{4,5}))"
    r"(?![0-9A-Za-z])"
)
_RUN = re.compile(r"(?<![0-9A-Za-z])[2-6](?:[ -]?[0-9]){12,}")
"""All that may hold a card, as much at once as hangs together."""

_MAX_CHECKED = 1000
"""Numbers of a text that are checked; to check all of the longest text would hold the loop for a tenth of a
second, and who writes so many of them seldom needs to read the rest."""

_DOUBLED = bytes.maketrans(b"0123456789", b"0246813579")
_NOT_DIGITS = b" -"


def mask_cards(text: str) -> str:
    """`text` without card numbers; behind `_MAX_CHECKED` that look like one, all are taken for one."""
    parts: list[str] = []
    kept = place = checked = 0
    while found := _CARD.search(text, place):
        if (checked := checked + 1) > _MAX_CHECKED:
            return "".join([*parts, text[kept:place], _RUN.sub(REDACTED, text[place:])])
        number = next((each for each in (found[0], found["groups"]) if each and is_card(each)), None)
        if number is None:
            place = found.start() + 1
        else:
            parts += text[kept : found.start()], REDACTED
            kept = place = found.start() + len(number)
    return "".join([*parts, text[kept:]]) if parts else text


def is_card(number: str) -> bool:
    """Whether the check digit is right, by ISO/IEC 7812-1 (Luhn), for 13 to 19 digits."""
    digits = number.encode().translate(None, _NOT_DIGITS)
    if not 13 <= len(digits) <= 19:
        return False
    codes = sum(digits[-1::-2]) + sum(digits[-2::-2].translate(_DOUBLED))
    return (codes - len(digits) * ord("0")) % 10 == 0

"""Patterns that rules may ask for by name, beside those that are always looked for."""

from __future__ import annotations

import re
from collections.abc import Callable

from logweir.redact import REDACTED, mask

from .cards import mask_cards

_EMAIL = re.compile(r"(?<![\w.+%-])[\w.+%-]+@[\w-]+(?:\.[\w-]+)+")


def _mask_emails(text: str) -> str:
    return _EMAIL.sub(REDACTED, text) if "@" in text else text


MASKS: dict[str, Callable[[str], str]] = {
    "card": mask_cards,
    "jwt": mask,
    "bearer": mask,
    "email": _mask_emails,
}
"""By name: a text without what the pattern finds. What `mask` finds is built in; a rule that names it has it
looked for in scrubbed bodies too."""

"""Redacts lines before they are stored, by keys and patterns: those built in and those of rules."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from functools import lru_cache

import msgspec

from logweir import redact
from logweir.fields import RESERVED

from .broken import mask_members, spelled_out
from .cards import is_card
from .exact import is_redacted
from .needles import BUILT_IN, any_found, of_rules
from .patterns import MASKS
from .walk import IDENTITY, Walk

_NOTHING = frozenset({b"null", msgspec.json.encode(redact.REDACTED)})
_FLAGS = frozenset({b"true", b"false"})
_NUMBERS = frozenset(b"%c" % each for each in b"-0123456789")


class Scrubber:
    """Knows what is secret: keys by whole words between ``_``, ``-`` and ``.``, and patterns in texts.

    No verdict depends on it: what is stored of an event does, whether it is stored does not.
    """

    def __init__(self, *, keys: Iterable[str] = (), patterns: Iterable[str] = ()) -> None:
        self._sequences = {tuple(redact.words(key)) for key in keys}
        patterns = sorted(set(patterns))
        self._of_rules = of_rules(self._sequences, patterns)
        self._needles = (*BUILT_IN, *self._of_rules)
        self._masks = [redact.mask, *(MASKS[name] for name in patterns if MASKS[name] is not redact.mask)]
        self._masks_cards = "card" in patterns
        self._is_named = lru_cache(maxsize=4096)(self._judge_key)

    def lines(self, lines: bytes, *, scrubbed: bool) -> Generator[None, None, bytes]:
        """NDJSON of events without their secrets, `lines` itself where it has none; pauses after each walk.

        Where its sender has `scrubbed` it, only what rules add is looked for: the keys that are checked all
        the same are `EXACT_MEMBERS`, which whoever decodes the lines has found already.
        """
        needles = self._of_rules if scrubbed else self._needles
        if not any_found(needles, lines):
            return lines
        new = lines.split(b"\n")
        is_same = True
        for place, line in enumerate(new):
            if line and any_found(needles, line):
                new[place] = self._walked(line)
                is_same = is_same and new[place] is line
                yield
        return lines if is_same else b"\n".join(new)

    def line(self, line: bytes, *, scrubbed: bool = False) -> bytes:
        """One event without its secrets; `line` itself where it holds none."""
        if any_found(self._of_rules if scrubbed else self._needles, line):
            return self._walked(line)
        return self._walked(line) if scrubbed and not is_redacted(line) else line

    def raw(self, line: bytes) -> bytes:
        """What may be anything, without the secrets that can be made out in it."""
        try:
            return self._walked(line, kept=frozenset())
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            text = spelled_out(line.decode("latin-1"))
            masked = self._mask(mask_members(text, self._is_hidden))
            return line if masked == text else masked.encode("latin-1")

    def _walked(self, line: bytes, *, kept: frozenset[str] = IDENTITY) -> bytes:
        walk = Walk(is_hidden=self._is_hidden, mask=self._mask, is_secret_number=self._is_secret_number)
        return walk.line(line, kept=kept)

    def _is_hidden(self, key: str, value: bytes) -> bool:
        """Whether a JSON value is to be replaced where it stands under `key`.

        What a rule names is replaced even where it is true or false, which may be what it was named for.
        """
        if value in _NOTHING:
            return False
        if self._is_named(key):
            return True
        if not redact.is_secret(key) or value in _FLAGS:
            return False
        return value[:1] not in _NUMBERS or not redact.is_measure(key)

    def _judge_key(self, key: str) -> bool:
        """Whether a rule names `key`."""
        if not self._sequences or key in RESERVED:
            return False
        words = redact.words(key)
        return any(
            tuple(words[start : start + len(sequence)]) == sequence
            for sequence in self._sequences
            for start in range(len(words))
        )

    def _mask(self, text: str) -> str:
        for mask in self._masks:
            text = mask(text)
        return text

    def _is_secret_number(self, digits: str) -> bool:
        return self._masks_cards and digits[0] in "23456" and is_card(digits)

"""Who may send and who may read: tokens, compared without telling how close a guess was."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from .errors import ConfigurationError

_PATTERN: Final = re.compile(r"[a-z0-9_.\-*?\[\]!]+")
"""What a service's name, or a pattern of names, is made of."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token allows: the services, by name or pattern, that its bearer speaks for."""

    services: tuple[str, ...]

    def covers(self, service: str) -> bool:
        """Whether the bearer may send events of `service`."""
        return any(fnmatchcase(service, pattern) for pattern in self.services)


EVERY_SERVICE = Grant(("*",))


class Tokens:
    """The bearer tokens of one door. A door without tokens is open."""

    def __init__(self, grants: Sequence[tuple[str, Grant]]) -> None:
        services: dict[str, tuple[str, ...]] = {}
        for token, grant in grants:
            services[token] = services.get(token, ()) + grant.services
        self._grants = [(_digest(token.encode()), _grant(each)) for token, each in services.items()]

    def __bool__(self) -> bool:
        return bool(self._grants)

    def grant(self, authorization: str | None) -> Grant | None:
        """What an ``Authorization`` header allows, or None where it allows nothing."""
        if not self._grants:
            return EVERY_SERVICE
        scheme, _, token = (authorization or "").partition(" ")
        found = self._found(token.strip().encode("latin-1", "replace") if scheme.lower() == "bearer" else b"")
        return found and found[1]

    def sign(self, token: str, text: str) -> str | None:
        """What only a holder of `token` could have added to `text`; None where it is none of these."""
        found = self._found(token.encode("utf-8", "surrogatepass"))
        return _signature(found[0], text) if found else None

    def signed(self, text: str, signature: str) -> bool:
        """Whether `signature` is that of `text` by one of these tokens."""
        given = signature.encode("ascii", "replace")
        matches = [
            hmac.compare_digest(_signature(digest, text).encode(), given) for digest, _ in self._grants
        ]
        return any(matches)

    def _found(self, token: bytes) -> tuple[bytes, Grant] | None:
        given = _digest(token)
        found = None
        for digest, grant in self._grants:
            if hmac.compare_digest(digest, given):
                found = digest, grant
        return found


def ingest_tokens(text: str) -> Tokens:
    """Read ``token1=shop-*,token2=*``: each token and the services it speaks for, ``+`` between several.

    Raises:
        ConfigurationError: a part has no token, or none but services that cannot be. It tells no part of it.
    """
    grants: list[tuple[str, Grant]] = []
    for part in filter(None, (each.strip() for each in text.split(","))):
        token, _, services = (each.strip() for each in part.rpartition("="))
        if not token or not services:
            raise ConfigurationError(
                "LOGWEIR_INGEST_TOKENS must read TOKEN=SERVICES,TOKEN=SERVICES, such as s3cret=shop-*,other=*"
            )
        patterns = tuple(each.strip() for each in services.split("+"))
        if not all(map(_PATTERN.fullmatch, patterns)):
            raise ConfigurationError(
                f"LOGWEIR_INGEST_TOKENS: what token {len(grants) + 1} speaks for matches no service: "
                "a name or pattern is of a-z 0-9 . _ - and * ? [ ] !, with + between several"
            )
        grants.append((token, Grant(patterns)))
    return _tokens(text, grants, "LOGWEIR_INGEST_TOKENS")


def read_tokens(text: str) -> Tokens:
    """Read a list of tokens with commas between them."""
    grants = [(token.strip(), EVERY_SERVICE) for token in text.split(",") if token.strip()]
    return _tokens(text, grants, "LOGWEIR_READ_TOKENS")


def _tokens(text: str, grants: Sequence[tuple[str, Grant]], setting: str) -> Tokens:
    """The tokens of a setting, which would open the door if what it says held none."""
    if text and not grants:
        raise ConfigurationError(f"{setting} is set but holds no token: set one, or unset it")
    return Tokens(grants)


def _grant(services: tuple[str, ...]) -> Grant:
    return EVERY_SERVICE if services == EVERY_SERVICE.services else Grant(services)


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()


def _signature(digest: bytes, text: str) -> str:
    """By a key of its own, so that no signature helps to find another use of the digest."""
    key = hmac.digest(digest, b"logweir session", "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()

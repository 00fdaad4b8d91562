"""What the ingest door hands on, and what it gets back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from logweir_service.access import EVERY_SERVICE, Grant
from logweir_service.decode import Rejection

MAX_SEQ = 1 << 53
"""Numbers of events stay below: beyond it some readers of JSON lose digits."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A body as the ingest door hands it on."""

    body: bytes
    """NDJSON, decompressed; its last line ends like the others, so that a retry has the same checksum."""
    stream: str | None = None
    seq: int | None = None
    """The number of its first event, where it belongs to a stream."""
    grant: Grant = EVERY_SERVICE
    scrubbed: bool = False
    """The sender says that it has redacted secrets."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a body; the three counts add up to its events."""

    accepted: int
    duplicate: int
    rejections: Sequence[Rejection]
    next_seq: int | None
    stream: str | None = None
    service: str = ""
    """Whose events these are; empty where they are of several, or nobody knows."""
    never_sent: int = 0
    """Numbers that the stream has left out in front of the body."""
    dropped_by_sender: int = 0
    """Events that the sender says it dropped."""

"""What promotion needs of other stages, which hand it in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol
from uuid import UUID

from logweir_service.event import StoredBatch, StoredEvent


class JournalReader(Protocol):
    """Reads committed batches; its calls block on files and come from promotion's own thread."""

    @property
    def identifier(self) -> UUID:
        """The journal's own identity, from which those of its events are made."""

    @property
    def last_lsn(self) -> int:
        """Number of the newest commit; 0 before the first."""

    def batches(self, after_lsn: int) -> Iterator[StoredBatch]:
        """The batches with greater numbers than `after_lsn`, in order, up to the newest commit."""


class Stories(Protocol):
    """Finds everything that happened under a correlation id; blocking, called from promotion's own thread."""

    def __call__(self, correlation_id: str) -> Iterable[StoredEvent]:
        """The events of that id in the journal's order, best read as they are asked for."""

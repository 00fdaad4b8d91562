"""How much a sender may ask of the service: every limit has a name, a unit and a reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits in force, published at ``/v1/limits``."""

    max_wire_bytes: int = 5_000_000
    """A body as it comes over the wire; above it 413, before it is read."""
    max_body_bytes: int = 20_000_000
    """A body after decompression; what a bomb may cost."""
    max_events: int = 10_000
    """Events, or lines, of one body."""
    max_event_bytes: int = 256_000
    """One event; a larger one is rejected alone."""
    max_depth: int = 32
    """Nesting of one event; every JSON reader downstream copes with it."""
    max_keys: int = 256
    """Keys of one object of an event."""
    max_zstd_window_bytes: int = 8 << 20
    """Window of a zstd frame, which a reader must hold in memory."""
    max_pending_bytes: int = 256_000_000
    """Bodies on their way in, and not yet durable; above it 503, so that overload costs no memory."""

"""When the events of each segment were, as far as its sidecar tells."""

from __future__ import annotations

from typing import TypeAlias

from .catalogue import Catalogue

Spans: TypeAlias = dict[int, tuple[float, float]]
"""By a segment's first commit, its oldest and its newest event, in seconds since the epoch."""


def spans(catalogue: Catalogue) -> Spans:
    """Those of all segments that have a sidecar; a segment that loses events stays within its own."""
    return {
        entry.first_lsn: (entry.header.oldest / 1e6, entry.header.newest / 1e6)
        for entry in catalogue.entries()
        if entry.header is not None and entry.header.events
    }

"""What the journal knows to be lost, named as in ``/metrics``."""

from __future__ import annotations

from logweir_service.journal import Losses


def lasting(losses: Losses) -> dict[str, float]:
    """Those of the service's own counters that go on after a restart."""
    return {
        'logweir_events_lost_total{reason="dropped_by_sender"}': losses.dropped_by_sender,
        'logweir_events_lost_total{reason="never_sent"}': losses.never_sent,
        "logweir_streams_joined_late_total": losses.joined_late,
        "logweir_streams_forgotten_total": losses.forgotten,
        **{
            f'logweir_streams_unclosed_total{{service="{service}"}}': count
            for service, count in losses.unclosed.items()
        },
    }

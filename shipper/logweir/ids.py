"""Random identifiers in the formats of the W3C trace context.

They come from the kernel, so that neither ``random.seed()`` nor a fork makes two processes choose the same.
"""

from __future__ import annotations

import os


def new_trace_id() -> str:
    """32 lower-case hex digits, not all zero."""
    return os.urandom(16).hex()


def new_span_id() -> str:
    """16 lower-case hex digits, not all zero."""
    return os.urandom(8).hex()


def is_sampled(trace_id: str, rate: float) -> bool:
    """Whether a trace is among the share `rate`: the same answer for the same trace, in every process.

    Decided as OpenTelemetry's ``TraceIdRatioBased`` does it, by the lower half of the id.
    https://opentelemetry.io/docs/specs/otel/trace/sdk/#traceidratiobased
    """
    return int(trace_id[16:], 16) < round(rate * 2**64)

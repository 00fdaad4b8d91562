"""The vocabulary that shipper and service share: names of fields, levels, control lines and their grammar."""

from __future__ import annotations

import re
from typing import Final

LEVELS: Final = ("debug", "info", "warning", "error", "critical")
"""Severities, lowest first."""

ERROR_LEVELS: Final = frozenset({"error", "critical"})

EVENT_NAME: Final = re.compile(r"[a-z0-9_.]{1,128}")
"""A low-cardinality dotted name such as ``http.request``; match with ``fullmatch``."""

SERVICE_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")

MAX_CORRELATION_ID: Final = 128
"""Characters."""

CORRELATION_ID: Final = re.compile(rf"[A-Za-z0-9._:-]{{1,{MAX_CORRELATION_ID}}}")
"""By default a W3C trace id: 32 lower-case hex digits."""

UNNAMED_EVENT: Final = "log.record"
"""The event name of a record that brings only a message."""

BREADCRUMB: Final = "breadcrumb"
"""The event name of a trace in a story that has none of its own; its field `category` may say more."""

LOST: Final = "_lost"
"""Control line ``{"_lost":{"count":20}}``: takes 20 numbers of the stream that were dropped by the sender."""

CLOSED: Final = "_closed"
"""Control line ``{"_closed":{}}``: the stream has ended."""

FLAGS: Final = "_flags"
TRUNCATED: Final = "_truncated"
ENCODE_ERROR: Final = "_encode_error"

SENDER_KEYS: Final = frozenset({FLAGS, TRUNCATED, ENCODE_ERROR})
"""The keys beginning with ``_`` that an event may bring; all others are the service's own."""

STREAM_HEADER: Final = "Logweir-Stream"
SEQ_HEADER: Final = "Logweir-Seq"
SCRUBBED_HEADER: Final = "Logweir-Scrubbed"

RESERVED: Final = frozenset(
    """
    event service level timestamp correlation_id event_id message message_template logger environment
    service_version server_name service_instance_id trace_id span_id parent_span_id span_kind span_name
    trace_sampled duration_seconds outcome error_type exception error_id promote tags user_id session_id
    http_request_method http_route http_response_status_code url_path url_query client_address
    user_agent_original http_request_headers http_request_body_size http_response_body_size
    db_system_name db_operation_name db_collection_name db_query_summary
    gen_ai_provider_name gen_ai_request_model gen_ai_operation_name gen_ai_agent_name
    gen_ai_usage_input_tokens gen_ai_usage_output_tokens gen_ai_cost_usd gen_ai_token_type
    """.split()
)
"""Fields whose meaning is fixed; never redacted by their key."""

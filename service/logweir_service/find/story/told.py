"""What an event tells, in a few words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from logweir.fields import RESERVED

from .visible import shown, visible

_SUMMED_UP: Final = frozenset(
    "cache_operation cache_name cache_result peer_service server_address slow_threshold_seconds".split()
)
_TEXTS: Final = frozenset("exception_text stack_info profile".split())
"""Fields that hold pages of text."""


def told(fields: Mapping[str, Any]) -> str:
    """What happened, on one `visible` line: the telling reserved fields, then the application's own.

    Neither whom it concerns nor how long it took, which have places of their own.
    """
    parts = [*_reserved(fields), *_own(fields)]
    return " ".join(part for part in parts if part)


def _reserved(fields: Mapping[str, Any]) -> Iterator[str]:
    status = shown(fields.get("http_response_status_code"))
    if "http_request_method" in fields:
        yield shown(fields["http_request_method"])
        yield shown(fields.get("http_route") or fields.get("url_path"))
        yield status
    if "db_query_summary" in fields:
        yield shown(fields["db_query_summary"])
    else:
        yield shown(fields.get("db_operation_name"))
        yield shown(fields.get("db_collection_name"))
    for key in ("cache_operation", "cache_name", "cache_result"):
        yield shown(fields.get(key))
    if peer := shown(fields.get("peer_service")):
        yield f"-> {peer}"
    yield shown(fields.get("gen_ai_request_model"))
    yield shown(fields.get("message"))
    if (error_type := shown(fields.get("error_type"))) != status:
        yield error_type


def _own(fields: Mapping[str, Any]) -> Iterator[str]:
    """The application's own fields, which tell more than the reserved ones left over."""
    for key, value in fields.items():
        if (
            key not in RESERVED
            and key not in _SUMMED_UP
            and key not in _TEXTS
            and key[:1] != "_"
            and not isinstance(value, dict | list)
        ):
            yield f"{visible(key)}={'null' if value is None else shown(value)}"

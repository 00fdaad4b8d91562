"""Ready-made timed events: the ``track_*`` functions that applications otherwise write by hand.

Each is a `logweir.event` of the catalogue, so a ``with`` or ``async with`` block, or a decorator, and the
service has its metrics already::

    with logweir.track_db_query(operation="SELECT", table="orders") as query:
        query["db_rows"] = len(rows)

What is known only at the end is set on the block, by the names of the fields. All take further fields, and
`level` and `slow_seconds` as `logweir.event` does. What is None is left out.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from logweir import process
from logweir.timed import event

FIRST_CLIENT_ERROR: Final = 400
FIRST_SERVER_ERROR: Final = 500


def track_request(*, method: str, route: str | None = None, path: str | None = None, **fields: Any) -> event:
    """One ``http.request``, for servers that no middleware of ours fits; never inside of one.

    `route` is the template, such as ``/orders/{id}``. Set ``["http_response_status_code"]``; without it a
    request that raises counts as 500. A status of 500 or more is a failure, and a warning. By default
    `slow_seconds` is the `slow_request_seconds` of `configure`.
    """
    named = {"http_request_method": method, "http_route": route, "url_path": path, "span_kind": "server"}
    return _timed(_Request, "http.request", named, fields)


def track_db_query(
    *, operation: str, table: str | None = None, system: str | None = None, **fields: Any
) -> event:
    """One ``db.query``: `operation` is ``SELECT`` or the like, `system` ``postgresql`` or the like.

    Set ``["db_rows"]``. Parameters of a query have no place in an event; ``db_query_summary`` has.
    """
    named = {
        "db_operation_name": operation,
        "db_collection_name": table,
        "db_system_name": system,
        "span_kind": "client",
    }
    return _timed(event, "db.query", named, fields)


def track_cache_operation(*, operation: str, cache: str = "default", **fields: Any) -> event:
    """One ``cache.operation``, such as ``get`` on the cache of that name.

    Set ``["cache_result"]`` to ``hit`` or ``miss`` after a look-up; else it is ``ok``, or ``error`` where the
    block raised.
    """
    named = {"cache_name": cache, "cache_operation": operation}
    return _timed(_CacheOperation, "cache.operation", named, fields)


def track_ai_call(
    *,
    provider: str,
    model: str,
    operation: str = "chat",
    agent: str | None = None,
    complexity: str | None = None,
    **fields: Any,
) -> event:
    """One ``ai.call`` of a model, in the terms of OpenTelemetry's ``gen_ai``.

    Set ``["gen_ai_usage_input_tokens"]``, ``["gen_ai_usage_output_tokens"]`` and ``["gen_ai_cost_usd"]``, in
    US dollars. Prompts and answers have no place in an event.
    """
    named = {
        "gen_ai_provider_name": provider,
        "gen_ai_request_model": model,
        "gen_ai_operation_name": operation,
        "gen_ai_agent_name": agent,
        "ai_complexity": complexity,
        "span_kind": "client",
    }
    return _timed(event, "ai.call", named, fields)


def track_external_call(
    *, target: str, method: str | None = None, address: str | None = None, **fields: Any
) -> event:
    """One ``external.call`` to the service named `target`, at the host `address`.

    Set ``["http_response_status_code"]``: 400 or more is a failure. ``["rate_limit_used_ratio"]``, from 0 to
    1, has a metric too. For httpx there is `logweir.httpx`, which does this by itself.
    """
    named = {
        "peer_service": target,
        "server_address": address,
        "http_request_method": method,
        "span_kind": "client",
    }
    return _timed(_ExternalCall, "external.call", named, fields)


def track_auth_attempt(*, method: str, **fields: Any) -> event:
    """One ``auth.attempt`` by ``password``, ``oauth`` or the like.

    Set ``["outcome"] = "failure"`` where it was refused without an exception.
    """
    return _timed(event, "auth.attempt", {"auth_method": method}, fields)


def track_storage_operation(*, operation: str, size_bytes: int | None = None, **fields: Any) -> event:
    """One ``storage.operation``, such as ``upload``, on a stored object or file.

    Set ``["size_bytes"]`` where it is known only afterwards.
    """
    named = {"storage_operation": operation, "size_bytes": size_bytes, "span_kind": "client"}
    return _timed(event, "storage.operation", named, fields)


def track_speech_request(*, kind: Literal["stt", "tts"], provider: str, **fields: Any) -> event:
    """One ``speech.request``: speech to text (``stt``) or text to speech (``tts``).

    Set ``["fallback"] = True`` where `provider` had to stand in for another.
    """
    named = {"speech_kind": kind, "speech_provider": provider, "span_kind": "client"}
    return _timed(event, "speech.request", named, fields)


def track_rag_pipeline(*, pipeline: str = "rag", stage: str | None = None, **fields: Any) -> event:
    """One ``ai.pipeline``: a whole run of `pipeline`, or one `stage` of it, such as ``retrieve``.

    Stages are timed, runs are timed and counted.
    """
    return _timed(event, "ai.pipeline", {"pipeline": pipeline, "stage": stage}, fields)


def track_document_processing(*, document_type: str, **fields: Any) -> event:
    """One ``document.processed`` of that type, such as ``pdf``. Set ``["document_pages"]``."""
    return _timed(event, "document.processed", {"document_type": document_type}, fields)


def _timed(kind: type[event], name: str, named: dict[str, Any], fields: dict[str, Any]) -> event:
    """What the caller says of a field in `fields` wins over what we say in `named`."""
    known = {key: value for key, value in named.items() if value is not None}
    return kind(name, **{**known, **fields})


class _Request(event):
    def _conclude(self, fields: dict[str, Any], error: BaseException | None) -> None:
        if isinstance(error, Exception):
            fields.setdefault("http_response_status_code", 500)
        elif _fails(fields, FIRST_SERVER_ERROR):
            self._level = "warning"

    def _threshold(self) -> float:
        given = self._slow_seconds
        return process.emitter().settings.slow_request_seconds if given is None else given


class _ExternalCall(event):
    def _conclude(self, fields: dict[str, Any], error: BaseException | None) -> None:
        if error is None:
            _fails(fields, FIRST_CLIENT_ERROR)


class _CacheOperation(event):
    def _conclude(self, fields: dict[str, Any], error: BaseException | None) -> None:
        fields.setdefault("cache_result", "ok" if error is None else "error")


def _fails(fields: dict[str, Any], first_error: int) -> bool:
    """Whether the status says that the work failed; then the fields say so too."""
    status = fields.get("http_response_status_code")
    if not isinstance(status, int) or status < first_error:
        return False
    fields.setdefault("outcome", "failure")
    fields.setdefault("error_type", str(status))
    return True

"""Structured events with a correlation id, in three lines::

import logweir
logweir.configure("shop", url="http://127.0.0.1:7171")
logweir.get_logger().info("order.placed", order_total_eur=59.9)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from logweir import asgi as asgi
    from logweir import capture as capture
    from logweir import django as django
    from logweir import flask as flask
    from logweir import httpx as httpx
    from logweir import logging as logging
    from logweir import loguru as loguru
    from logweir import samplers as samplers
    from logweir import structlog as structlog
    from logweir import system as system
    from logweir import testing as testing
    from logweir import wsgi as wsgi
    from logweir.carried import carry, resume
    from logweir.context import bind, bound, clear, unbind
    from logweir.health import Health
    from logweir.process import aclose, aflush, close, configure, emit, flush, stats
    from logweir.profile import profile_block, profile_function
    from logweir.report import add_breadcrumb, capture_exception, capture_message, set_tag, set_user
    from logweir.structlog import get_logger
    from logweir.threads import ThreadPoolExecutor, wrap
    from logweir.timed import event
    from logweir.track import (
        track_ai_call,
        track_auth_attempt,
        track_cache_operation,
        track_db_query,
        track_document_processing,
        track_external_call,
        track_rag_pipeline,
        track_request,
        track_speech_request,
        track_storage_operation,
    )

__all__ = [
    "Health",
    "ThreadPoolExecutor",
    "aclose",
    "add_breadcrumb",
    "aflush",
    "bind",
    "bound",
    "capture_exception",
    "capture_message",
    "carry",
    "clear",
    "close",
    "configure",
    "emit",
    "event",
    "flush",
    "get_logger",
    "profile_block",
    "profile_function",
    "resume",
    "set_tag",
    "set_user",
    "stats",
    "track_ai_call",
    "track_auth_attempt",
    "track_cache_operation",
    "track_db_query",
    "track_document_processing",
    "track_external_call",
    "track_rag_pipeline",
    "track_request",
    "track_speech_request",
    "track_storage_operation",
    "unbind",
    "wrap",
]

_DOORS: Final = frozenset(
    {
        "asgi",
        "capture",
        "django",
        "flask",
        "httpx",
        "logging",
        "loguru",
        "samplers",
        "structlog",
        "system",
        "testing",
        "wsgi",
    }
)
_HOMES: Final = {
    **dict.fromkeys(("bind", "bound", "clear", "unbind"), "context"),
    **dict.fromkeys(("aclose", "aflush", "close", "configure", "emit", "flush", "stats"), "process"),
    **dict.fromkeys(
        ("add_breadcrumb", "capture_exception", "capture_message", "set_tag", "set_user"), "report"
    ),
    **dict.fromkeys(("carry", "resume"), "carried"),
    **dict.fromkeys(("ThreadPoolExecutor", "wrap"), "threads"),
    "Health": "health",
    "event": "timed",
    **dict.fromkeys(("profile_block", "profile_function"), "profile"),
    "get_logger": "structlog",
    **dict.fromkeys(
        (
            "track_ai_call",
            "track_auth_attempt",
            "track_cache_operation",
            "track_db_query",
            "track_document_processing",
            "track_external_call",
            "track_rag_pipeline",
            "track_request",
            "track_speech_request",
            "track_storage_operation",
        ),
        "track",
    ),
}


def __getattr__(name: str) -> Any:
    """Import what is named when it is first named.

    An application pays for and needs only the doors it uses, and the service, which reads the vocabulary, no
    HTTP client.
    """
    if name in _DOORS:
        return import_module(f"logweir.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'logweir' has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"logweir.{_HOMES[name]}"), name)
    return found

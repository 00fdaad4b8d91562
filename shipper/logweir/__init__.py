"""Structured events with a correlation id, in three lines::

import logweir
logweir.configure("shop", url="http://127.0.0.1:7171")
logweir.get_logger().info("order.placed", order_total_eur=59.9)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from logweir.context import bind, bound, clear, unbind
from logweir.process import aclose, aflush, close, configure, emit, flush, stats
from logweir.timed import event

if TYPE_CHECKING:
    from logweir import asgi as asgi
    from logweir import httpx as httpx
    from logweir import logging as logging
    from logweir import structlog as structlog
    from logweir import testing as testing
    from logweir.structlog import get_logger

__all__ = [
    "aclose",
    "aflush",
    "bind",
    "bound",
    "clear",
    "close",
    "configure",
    "emit",
    "event",
    "flush",
    "get_logger",
    "stats",
    "unbind",
]

_DOORS: Final = frozenset({"asgi", "httpx", "logging", "structlog", "testing"})


def __getattr__(name: str) -> Any:
    """Import a door when it is first named, so that an application pays for and needs only those it uses."""
    if name in _DOORS:
        return import_module(f"logweir.{name}")
    if name == "get_logger":
        return import_module("logweir.structlog").get_logger
    raise AttributeError(f"module 'logweir' has no attribute {name!r}")

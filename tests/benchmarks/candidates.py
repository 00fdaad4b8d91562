"""What an application can emit an event with: our doors, and what others offer.

All make the same event of 12 fields: five of its own, two from the context where there is such a thing, the
time, the level, the logger, the service and its environment.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from tests.benchmarks.sink import Sink

EVENT = "http.request"
OWN: dict[str, Any] = {
    "http_request_method": "GET",
    "http_route": "/orders/{id}",
    "http_response_status_code": 200,
    "duration_seconds": 0.01234,
    "client_address": "10.0.0.7",
}
CONTEXT = {"correlation_id": "4bf92f3577b34da6a3ce929d0e0e4736", "user_id": "48213"}
SETTINGS = {"service": "shop", "environment": "bench"}


class Surroundings(NamedTuple):
    """What a candidate may use."""

    sink: Sink
    folder: Path


class Candidate(NamedTuple):
    """`emit` makes one event; `settle` waits until all that were made are where they are meant to go."""

    emit: Callable[[], object]
    settle: Callable[[], object] = lambda: None


Making = Callable[[Surroundings], Candidate]


class Missing(Exception):
    """A package that is not installed."""


def imported(module: str, *, package: str) -> Any:
    """A module that may not be there.

    Raises:
        Missing: with the name of its package.
    """
    try:
        return import_module(module)
    except ImportError as fault:
        raise Missing(package) from fault


_UNRELATED = [ContextVar[int](f"unrelated_{number}") for number in range(8)]


def set_unrelated_variables() -> None:
    """What frameworks leave in the context; structlog copies all of it for every event."""
    for number, variable in enumerate(_UNRELATED):
        variable.set(number)

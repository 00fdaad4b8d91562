"""The example services with an in-process metrics client beside Logweir, to compare what the two count.

``uvicorn --factory deploy.demo.in_process:shop``; the client's own numbers stand at ``/in-process-metrics``.
"""

from __future__ import annotations

from importlib import import_module

from fastapi import FastAPI
from prometheus_fastapi_instrumentator import Instrumentator

PATH = "/in-process-metrics"


def shop() -> FastAPI:
    """The shop, instrumented."""
    return _instrumented("deploy.demo.shop")


def payments() -> FastAPI:
    """Payments, instrumented."""
    return _instrumented("deploy.demo.payments")


def _instrumented(module: str) -> FastAPI:
    """The application of `module`, which is imported here alone: a process is one service."""
    app: FastAPI = import_module(module).app
    instrumentator = Instrumentator(
        should_group_status_codes=False, should_instrument_requests_inprogress=True
    )
    instrumentator.instrument(app).expose(app, endpoint=PATH, include_in_schema=False)
    return app

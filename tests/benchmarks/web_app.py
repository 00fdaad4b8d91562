"""An example FastAPI application, alone, with our middleware, or with what teams have in process today.

    python -m tests.benchmarks.web_app KIND SINK_URL SPOOL

Listens on a free port and prints it. A request takes some 6 ms, nearly all of it two waits such as a database
has; then it validates and writes some kilobytes of JSON.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel, Field

import logweir

QUERY_SECONDS = 0.003


class Item(BaseModel):
    """A line of an order."""

    product_id: int
    name: str
    quantity: int = Field(ge=1, le=20)
    price_cents: int


class Order(BaseModel):
    """What is answered, and what is taken."""

    order_id: int
    items: list[Item]


def plain(sink_url: str, spool: str) -> FastAPI:
    """The application alone."""
    app = FastAPI()

    @app.get("/orders/{order_id}")
    async def show_order(order_id: int) -> Order:
        await asyncio.sleep(QUERY_SECONDS)
        await asyncio.sleep(QUERY_SECONDS)
        items = [Item(product_id=n, name=f"Kettle {n}", quantity=1, price_cents=3990) for n in range(20)]
        return Order(order_id=order_id, items=items)

    @app.post("/orders", status_code=201)
    async def place_order(order: Order) -> dict[str, Any]:
        await asyncio.sleep(QUERY_SECONDS)
        await asyncio.sleep(QUERY_SECONDS)
        return {"order_id": order.order_id, "total": sum(item.price_cents for item in order.items)}

    return app


def with_logweir(sink_url: str, spool: str) -> FastAPI:
    """An event for every request."""
    logweir.configure("shop", environment="bench", url=sink_url, durability="crash", spool=spool)
    app = plain(sink_url, spool)
    app.add_middleware(logweir.asgi.Middleware)
    return app


def in_process(sink_url: str, spool: str) -> FastAPI:
    """Metrics and errors by libraries, with their defaults; no traces, and nobody scrapes."""
    sentry_sdk = import_module("sentry_sdk")
    instrumentator = import_module("prometheus_fastapi_instrumentator").Instrumentator
    sentry_sdk.init(dsn=sink_url.replace("//", "//key@") + "/1", environment="bench")
    app = plain(sink_url, spool)
    instrumentator().instrument(app).expose(app)
    return app


KINDS: dict[str, Callable[[str, str], FastAPI]] = {
    "the application alone": plain,
    "the same once more": plain,
    "with logweir's middleware": with_logweir,
    "with prometheus-fastapi-instrumentator and sentry-sdk": in_process,
}


def main(kind: str, sink_url: str, spool: str) -> None:
    """Serve until a signal."""
    app = KINDS[kind](sink_url, spool)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_keep_alive=60)
        uvicorn.Server(config).run([listener])


if __name__ == "__main__":
    main(*sys.argv[1:])

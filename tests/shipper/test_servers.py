"""Real servers: what is sent when one is told to end, and what its forks do with what was said before."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import urllib3

from tests.shipper.service import PlayedService

ROOT = Path(__file__).parents[2]

FLASK = """
import os
import flask, logweir
logweir.configure("shop")
app = logweir.flask.instrument(flask.Flask("shop"))
logweir.emit("shop.loaded", pid=os.getpid())

@app.get("/orders/<int:order_id>")
def order(order_id):
    logweir.get_logger("orders").info("order.read", order_id=order_id, pid=os.getpid())
    return "ok"

@app.get("/stream")
def stream():
    def chunks():
        while True:
            yield "x" * 10_000
    return flask.Response(chunks())
"""

FASTAPI = """
import asyncio, os
import fastapi, fastapi.responses, logweir
logweir.configure("shop")
app = logweir.asgi.instrument(fastapi.FastAPI())
logweir.emit("shop.loaded", pid=os.getpid())

@app.get("/orders/{order_id}")
async def order(order_id: int):
    logweir.get_logger("orders").info("order.read", order_id=order_id, pid=os.getpid())
    return "ok"

@app.get("/stream")
async def stream():
    async def chunks():
        while True:
            yield "x" * 10_000
            await asyncio.sleep(0)
    return fastapi.responses.StreamingResponse(chunks())
"""

DJANGO = """
import os, logweir
logweir.configure("shop")
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import path
from tests.shipper import django_shop

def order(request, order_id):
    logweir.get_logger("orders").info("order.read", order_id=order_id, pid=os.getpid())
    return HttpResponse("ok")

def endless():
    while True:
        yield "x" * 10_000

async def endless_async():
    import asyncio
    while True:
        yield "x" * 10_000
        await asyncio.sleep(0)

def stream(request):
    from django.core.handlers.asgi import ASGIRequest
    return StreamingHttpResponse(endless_async() if isinstance(request, ASGIRequest) else endless())

django_shop.urlpatterns[:] = [path("orders/<int:order_id>", order), path("stream", stream)]
app = django_shop.wsgi
asgi = logweir.asgi.instrument(django_shop.asgi)
logweir.emit("shop.loaded", pid=os.getpid())
"""

GUNICORN = [sys.executable, "-m", "gunicorn", "application:app", "--workers", "2", "--bind"]
UVICORN = [sys.executable, "-m", "uvicorn", "--no-access-log", "--host", "127.0.0.1", "--port"]


@contextmanager
def served(command: list[str], application: str, folder: Path, url: str) -> Iterator[tuple[Any, str]]:
    """A server on a free port, and its address; killed where it has not ended by itself."""
    (folder / "application.py").write_text(application)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    paths = filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))
    environ = {
        **os.environ,
        "LOGWEIR_URL": url,
        "LOGWEIR_SPOOL": str(folder / "spool"),
        "PYTHONPATH": os.pathsep.join(paths),
    }
    place = f"127.0.0.1:{port}" if "gunicorn" in command else str(port)
    log = (folder / "log").open("w")
    process = subprocess.Popen([*command, place], cwd=folder, env=environ, stderr=log, stdout=log)
    try:
        wait_for(port, process)
        yield process, f"http://127.0.0.1:{port}"
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(20)
        log.close()


def wait_for(port: int, process: Any) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError("the server did not start")


SERVERS = {
    "gunicorn": (GUNICORN, FLASK),
    "gunicorn, preloaded": ([*GUNICORN[:-1], "--preload", "--bind"], FLASK),
    "gunicorn with threads, preloaded": (
        [*GUNICORN[:-1], "--preload", "--worker-class", "gthread", "--threads", "4", "--bind"],
        FLASK,
    ),
    "gunicorn with uvicorn's workers, preloaded": (
        [*GUNICORN[:-1], "--preload", "--worker-class", "uvicorn.workers.UvicornWorker", "--bind"],
        FASTAPI,
    ),
    "gunicorn with Django": (GUNICORN, DJANGO),
    "uvicorn with Django": ([*UVICORN[:3], "application:asgi", *UVICORN[3:]], DJANGO),
    "uvicorn with workers": ([*UVICORN[:3], "application:app", "--workers", "2", *UVICORN[3:]], FASTAPI),
}


@pytest.mark.parametrize("server", SERVERS)
def test_sigterm_loses_nothing_and_no_fork_repeats_anything(
    service: PlayedService, tmp_path: Path, server: str
) -> None:
    command, application = SERVERS[server]
    with served(command, application, tmp_path, service.url) as (process, url):
        http = urllib3.PoolManager(retries=False, timeout=20, headers={"Connection": "close"})
        for number in range(12):
            assert http.request("GET", f"{url}/orders/{number}").status == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) in (0, -signal.SIGTERM)
    log = (tmp_path / "log").read_text()
    assert "Traceback" not in log
    read = [event for event in service.events if event["event"] == "order.read"]
    assert sorted(event["order_id"] for event in read) == list(range(12))
    assert sum(event["event"] == "http.request" for event in service.events) == 12
    assert (service.repeated, service.holes, service.lost) == (0, 0, {})
    loaded = [event["pid"] for event in service.events if event["event"] == "shop.loaded"]
    assert len(loaded) == len(set(loaded)), "what was said before a fork was said once"
    assert all(event["service_instance_id"].endswith(f":{event['pid']}") for event in read)
    assert sorted(set(service.closed)) == sorted({stream for stream, _ in service.stored})


@pytest.mark.parametrize("server", ["gunicorn", "gunicorn with uvicorn's workers, preloaded"])
@pytest.mark.parametrize("application", ["Flask or FastAPI", "Django"])
def test_a_client_that_leaves_a_stream_cancels_its_request(
    service: PlayedService, tmp_path: Path, server: str, application: str
) -> None:
    command, source = SERVERS[server]
    if application == "Django":
        source = DJANGO
        command = [
            "application:asgi" if "uvicorn" in server and each == "application:app" else each
            for each in command
        ]
    with served(command, source, tmp_path, service.url) as (process, url):
        response = urllib3.PoolManager(retries=False).request("GET", f"{url}/stream", preload_content=False)
        assert re.fullmatch("[0-9a-f]{32}", response.headers["X-Correlation-ID"])
        response.read(50_000)
        response.close()
        response.release_conn()
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and not cancelled(service):
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    (event,) = cancelled(service)
    assert (event["outcome"], event["level"]) == ("cancelled", "info")
    assert event["correlation_id"] == response.headers["X-Correlation-ID"]
    assert event["http_response_body_size"] >= 50_000


def cancelled(service: PlayedService) -> list[dict[str, Any]]:
    return [event for event in service.events if event["event"] == "http.request"]

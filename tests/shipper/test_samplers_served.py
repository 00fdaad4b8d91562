"""Samplers and health in a real server that forks its workers from a loaded application."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Any

import pytest
import urllib3

from tests.shipper.service import PlayedService
from tests.shipper.test_samplers import eventually
from tests.shipper.test_servers import SERVERS, served

FLASK = """
import os, time
import flask, logweir
health = logweir.Health()
health.add("worker", lambda: time.sleep(0.01))
logweir.configure("shop", samplers=[logweir.samplers.Load(seconds=0.05), health], version="1.2")
app = logweir.flask.instrument(flask.Flask("shop"), skip=("/health",))
app.add_url_rule("/health", "health", lambda: health.wsgi)
logweir.emit("shop.loaded", pid=os.getpid())

@app.get("/slow")
def slow():
    logweir.emit("work.begun")
    time.sleep(1)
    return str(os.getpid())
"""


@pytest.mark.parametrize("server", ["gunicorn, preloaded", "gunicorn with threads, preloaded"])
def test_each_worker_samples_for_itself(service: PlayedService, tmp_path: Path, server: str) -> None:
    command, _ = SERVERS[server]
    workers: list[str] = []

    def ask(url: str) -> None:
        http = urllib3.PoolManager(retries=False, timeout=30, headers={"Connection": "close"})
        workers.append(http.request("GET", f"{url}/slow").data.decode())

    with served(command, FLASK, tmp_path, service.url) as (process, url):
        asking = [threading.Thread(target=ask, args=(url,)) for _ in range(3)]
        for thread in asking:
            thread.start()
        for thread in asking:
            thread.join(60)
        health = urllib3.request("GET", f"{url}/health", retries=False).json()
        eventually(lambda: loads(service, busy=False).keys() >= {*workers})
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert (health["status"], health["version"], health["checks"]["worker"]["healthy"]) == ("ok", "1.2", True)
    assert len(workers) == 3
    (loader,) = [event["pid"] for event in service.events if event["event"] == "shop.loaded"]
    busy = loads(service, busy=True)
    assert busy.keys() >= {*workers}, "what is served is told by who serves it"
    at_once = 3 if "threads" in server else 1
    assert max(map(max, busy.values())) <= at_once
    assert str(loader) not in workers


def loads(service: PlayedService, *, busy: bool) -> dict[str, list[Any]]:
    """By process: the requests in progress that it told, where there were any or none."""
    found: dict[str, list[Any]] = {}
    for event in list(service.stored.values()):
        if event["event"] == "http.load" and bool(event["http_requests_in_progress"]) is busy:
            process = event["service_instance_id"].rpartition(":")[2]
            found.setdefault(process, []).append(event["http_requests_in_progress"])
    return found

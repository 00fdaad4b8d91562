"""Dependencies are checked, told as events, and shown by a route in every kind of application."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from flask import Flask
from starlette.applications import Starlette
from starlette.routing import Route

import logweir
from logweir.testing import CapturingSink
from tests.shipper.test_asgi import requests
from tests.shipper.test_samplers import eventually


def failing() -> None:
    raise ConnectionError("postgres://user:secret@db is away")


def checking(dependency: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == f"logweir-check-{dependency}"]


def healthy_and_not() -> logweir.Health:
    health = logweir.Health()
    health.add("postgres", failing)
    health.add("redis", lambda: True)
    return health


def test_a_report_tells_each_check_with_version_and_environment() -> None:
    logweir.configure("shop", to=CapturingSink(), version="1.2", environment="prod")
    status, content = healthy_and_not().report()
    latencies = [each.pop("latency_seconds") for each in content["checks"].values()]
    assert all(0 <= latency < 10 for latency in latencies)
    assert (status, content) == (
        503,
        {
            "status": "failed",
            "service": "shop",
            "version": "1.2",
            "environment": "prod",
            "checks": {
                "postgres": {"healthy": False, "critical": True, "error_type": "ConnectionError"},
                "redis": {"healthy": True, "critical": True},
            },
        },
    )


@pytest.mark.parametrize(
    ("check", "healthy", "error_type"),
    [
        (lambda: None, True, None),
        (lambda: 0, True, None),
        (lambda: False, False, "unhealthy"),
        (failing, False, "ConnectionError"),
        (lambda: exec("raise SystemExit"), False, "SystemExit"),
        (lambda: time.sleep(5), False, "TimeoutError"),
        (lambda: asyncio.sleep(0), True, None),
    ],
)
def test_a_check_is_one_event(sink: CapturingSink, check: Any, healthy: bool, error_type: str | None) -> None:
    health = logweir.Health()
    health.add("postgres", check, timeout_seconds=0.3)
    health.sample()
    (event,) = sink.events
    assert (event["event"], event["dependency"], event["healthy"]) == ("health.check", "postgres", healthy)
    assert (event["level"], event["outcome"]) == (("info", "success") if healthy else ("warning", "failure"))
    assert event.get("error_type") == error_type
    assert event["duration_seconds"] >= (0.3 if error_type == "TimeoutError" else 0)
    assert "span_id" not in event
    assert b"secret" not in sink.lines[0]


def test_what_is_not_critical_leaves_the_answer_at_200(sink: CapturingSink) -> None:
    health = logweir.Health()
    health.add("mail", failing, critical=False)
    status, content = health.report()
    assert (status, content["status"], content["checks"]["mail"]["healthy"]) == (200, "degraded", False)
    assert logweir.Health().report()[1]["status"] == "ok"


def applications(health: logweir.Health) -> dict[str, Any]:
    by_function, by_object = FastAPI(), FastAPI()
    by_function.add_api_route("/health", health.route)
    by_object.router.routes.append(Route("/health", health))
    return {
        "FastAPI": by_function,
        "FastAPI, the object": by_object,
        "Starlette": Starlette(routes=[Route("/health", health.route)]),
        "Starlette, the object": Starlette(routes=[Route("/health", health)]),
        "ASGI": health,
    }


@pytest.mark.parametrize("kind", applications(logweir.Health()))
def test_an_asgi_application_has_the_route(sink: CapturingSink, kind: str) -> None:
    health = logweir.Health()
    health.add("redis", lambda: True)
    (well,) = requests(applications(health)[kind], ("GET", "/health"))
    assert (well.status_code, well.json()["status"]) == (200, "ok")
    health.add("postgres", failing)
    (ill,) = requests(applications(health)[kind], ("GET", "/health"))
    assert ill.status_code == 503
    assert ill.json()["checks"]["postgres"]["error_type"] == "ConnectionError"
    assert "secret" not in ill.text
    assert ill.headers["content-type"] == "application/json"
    assert ill.headers["cache-control"] == "no-store"
    assert int(ill.headers["content-length"]) == len(ill.content)


def test_fastapi_asks_for_no_parameters() -> None:
    app = FastAPI()
    app.add_api_route("/health", logweir.Health().route)
    assert "parameters" not in app.openapi()["paths"]["/health"]["get"]


@pytest.mark.parametrize("kind", ["WSGI", "Flask"])
def test_a_wsgi_application_has_the_route(sink: CapturingSink, kind: str) -> None:
    health = healthy_and_not()
    flask = Flask("shop")
    flask.add_url_rule("/health", "health", lambda: health.wsgi)
    app = flask if kind == "Flask" else health.wsgi
    with httpx.Client(transport=httpx.WSGITransport(app), base_url="http://shop") as client:
        answer = client.get("/health")
        assert answer.status_code == 503
        assert answer.json()["checks"]["redis"]["healthy"] is True
        assert client.head("/health").content == b""


def test_other_methods_are_refused_and_a_head_has_no_body(sink: CapturingSink) -> None:
    checked: list[int] = []
    health = logweir.Health()
    health.add("redis", lambda: checked.append(1))
    posted, head = requests(health, ("POST", "/"), ("HEAD", "/"))
    assert (posted.status_code, head.status_code, head.content) == (405, 200, b"")
    assert len(checked) == 1


def test_a_fresh_result_is_shown_again_and_no_dependency_worn_out(sink: CapturingSink) -> None:
    checked: list[int] = []
    health = logweir.Health()
    health.add("redis", lambda: checked.append(1))
    requests(health, *[("GET", "/")] * 20)
    assert len(checked) == len(sink.events) == 1
    health.sample()
    assert len(checked) == 2
    stale = logweir.Health(fresh_seconds=0)
    stale.add("redis", lambda: checked.append(1))
    requests(stale, *[("GET", "/")] * 3)
    assert len(checked) == 5


def test_probes_at_once_share_one_check(sink: CapturingSink) -> None:
    checked: list[int] = []
    health = logweir.Health(fresh_seconds=0)

    @health.check("redis")
    def ping() -> None:
        checked.append(1)
        time.sleep(0.2)

    async def all_at_once() -> None:
        await asyncio.gather(*[health.areport() for _ in range(10)])

    asyncio.run(all_at_once())
    assert len(checked) == len(sink.events) == 1


def test_a_check_that_hangs_is_told_each_time_and_takes_one_thread(sink: CapturingSink) -> None:
    go_on = threading.Event()
    health = logweir.Health(fresh_seconds=0)
    health.add("hanging", lambda: go_on.wait(30), timeout_seconds=0.05)
    for _ in range(5):
        assert health.report()[0] == 503
    assert len(checking("hanging")) == 1
    assert [event["error_type"] for event in sink.events] == ["TimeoutError"] * 5
    go_on.set()
    eventually(lambda: health.report()[0] == 200)


def test_a_child_forked_in_the_middle_of_a_check_checks_for_itself(sink: CapturingSink) -> None:
    go_on = threading.Event()
    parent = os.getpid()
    health = logweir.Health()
    health.add("redis", lambda: os.getpid() != parent or go_on.wait(30), timeout_seconds=0.1)
    assert health.report()[0] == 503
    child = os.fork()
    if child == 0:
        os._exit(health.report()[0] == 200)
    assert os.waitpid(child, 0)[1] >> 8 == 1
    go_on.set()


def test_a_slow_check_holds_up_no_event_loop(sink: CapturingSink) -> None:
    health = logweir.Health()
    health.add("redis", lambda: time.sleep(0.3))

    async def run() -> int:
        reporting = asyncio.create_task(health.areport())
        turns = 0
        while not reporting.done():
            await asyncio.sleep(0.001)
            turns += 1
        assert reporting.result()[0] == 200
        return turns

    assert asyncio.run(run()) > 10


def test_an_async_check_runs_in_the_loop_to_which_its_connections_belong(sink: CapturingSink) -> None:
    ran_in: list[asyncio.AbstractEventLoop] = []

    async def run() -> None:
        health = logweir.Health(fresh_seconds=0)

        @health.check("postgres")
        async def ping() -> None:
            ran_in.append(asyncio.get_running_loop())
            await asyncio.sleep(0)

        await asyncio.to_thread(health.sample)
        await health.areport()
        assert ran_in == [asyncio.get_running_loop()] * 2
        ran_in.append(health)  # type: ignore[arg-type]

    asyncio.run(run())
    health: Any = ran_in[-1]
    health.sample()
    assert ran_in[-1] is not ran_in[0]
    assert [event["healthy"] for event in sink.events] == [True] * 3


def test_an_async_check_runs_in_the_loop_that_served_the_route(sink: CapturingSink) -> None:
    ran_in: list[asyncio.AbstractEventLoop] = []
    health = logweir.Health(fresh_seconds=0)

    async def ping() -> None:
        ran_in.append(asyncio.get_running_loop())

    async def run() -> None:
        await health.areport()
        await asyncio.to_thread(health.sample)
        assert ran_in == [asyncio.get_running_loop()] * 2

    health.add("postgres", ping)
    asyncio.run(run())


def test_an_async_check_that_hangs_ends_at_its_timeout(sink: CapturingSink) -> None:
    cancelled: list[bool] = []
    health = logweir.Health(fresh_seconds=0)

    async def hang() -> None:
        try:
            await asyncio.sleep(30)
        finally:
            cancelled.append(True)

    health.add("hanging_async", hang, timeout_seconds=0.05)
    assert asyncio.run(health.areport())[0] == 503
    eventually(lambda: not checking("hanging_async"))
    assert health.report()[0] == 503
    eventually(lambda: len(cancelled) == 2)


def test_a_sampler_checks_at_its_interval(sink: CapturingSink) -> None:
    health = logweir.Health(seconds=0.02)
    health.add("redis", lambda: True)
    logweir.configure("shop", to=sink, samplers=[health])
    logweir.emit("a.b")
    eventually(lambda: len(sink.named("health.check")) > 3)


def test_a_probe_through_the_middleware_that_skips_it_makes_no_request_event(sink: CapturingSink) -> None:
    app = FastAPI()
    app.add_route("/health", logweir.Health().route)
    app.add_middleware(logweir.asgi.Middleware, skip=("/health",))
    (answer,) = requests(app, ("GET", "/health"))
    assert answer.status_code == 200
    assert sink.events == []

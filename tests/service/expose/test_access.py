"""Nothing can be read without a read token or a session, whatever routes there are."""

from __future__ import annotations

import re

import pytest
from fastapi.routing import APIRoute
from starlette.routing import Route

from logweir_service.expose.host import is_of_this_machine
from tests.service.expose.asking import INGEST, READ, asked

OPEN = {
    "/-/healthy",
    "/-/ready",
    "/health",
    "/login",
    "/logout",
    "/ready",
    "/favicon.ico",
    "/static/{digest}/{name}",
    "/v1/limits",
}
"""What anybody may ask for: it tells nothing of any event."""


@pytest.fixture
def service(tmp_path, monkeypatch):
    with asked(tmp_path / "data", monkeypatch, LOGWEIR_RELOAD_ENDPOINT="true") as each:
        yield each


def guarded(app):
    """Every route of an application that shows or changes something, and a method of it."""
    return [
        (re.sub(r"\{[^}]*\}", "x", route.path), method)
        for route in walk(app.routes)
        if route.path not in OPEN
        for method in route.methods or {"GET", "POST"}
    ]


def walk(routes):
    for route in routes:
        if isinstance(route, Route | APIRoute):
            yield route
        else:  # a router that was included: whatever else there may be has to be learnt here
            yield from walk(route.original_router.routes)


def test_the_walk_finds_what_there_is(service):
    assert {("/metrics", "GET"), ("/v1/events", "GET"), ("/v1/events", "POST"), ("/v1/status", "GET")} <= {
        *guarded(service.app)
    }
    assert ("/-/reload", "POST") in guarded(service.app)


@pytest.mark.fault(50)
def test_no_route_answers_a_program_without_a_token(service):
    answers = {each: service(*each).status_code for each in guarded(service.app)}
    assert {each: status for each, status in answers.items() if status != 401} == {}


@pytest.mark.fault(50)
def test_no_route_shows_anything_to_an_ingest_token(service):
    answers = {
        each: service(*each, token=INGEST).status_code
        for each in guarded(service.app)
        if each != ("/v1/events", "POST")
    }
    assert {each: status for each, status in answers.items() if status != 401} == {}


@pytest.mark.fault(50)
def test_every_route_sends_a_browser_to_the_form_and_shows_it_nothing(service):
    for path, method in guarded(service.app):
        answer = service(path, method, accept="text/html,application/xhtml+xml,*/*;q=0.8")
        if method in ("GET", "HEAD"):
            assert (answer.status_code, answer.headers["location"]) == (303, f"/login?next={path}")
            assert answer.content == b""
        else:
            assert answer.status_code == 401


@pytest.mark.fault(50)
def test_no_route_takes_a_session_for_a_token_where_it_changes_something(service):
    session = service.session()
    changing = [each for each in guarded(service.app) if each[1] not in ("GET", "HEAD")]
    assert {each: service(*each, session=session).status_code for each in changing} == dict.fromkeys(
        changing, 401
    )
    for path in ("/status", "/", "/v1/status", "/metrics", "/metrics-catalogue"):
        assert service(path, session=session).status_code == 200, path


def test_there_is_no_documentation_of_the_interface_to_be_read(service):
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert service(path, token=READ).status_code == 404


def test_read_tokens_read_and_reload(tmp_path, monkeypatch):
    settings = {"LOGWEIR_RELOAD_ENDPOINT": "true"}
    with asked(tmp_path / "data", monkeypatch, recovered=False, **settings) as service:
        assert service("/v1/status", token=READ).status_code == 200
        assert service("/-/reload", "POST", token=READ).json()["error"] == "starting"


def test_without_read_tokens_everybody_reads(tmp_path, monkeypatch):
    with asked(tmp_path / "data", monkeypatch, LOGWEIR_READ_TOKENS="") as service:
        assert service("/v1/status").status_code == 200
        assert service("/login?next=/status").headers["location"] == "/status"


def test_without_read_tokens_no_page_of_another_site_reloads(tmp_path, monkeypatch):
    settings = {"LOGWEIR_READ_TOKENS": "", "LOGWEIR_RELOAD_ENDPOINT": "true"}
    with asked(tmp_path / "data", monkeypatch, recovered=False, **settings) as service:
        assert service("/-/reload", "POST").json()["error"] == "starting"
        answer = service("/-/reload", "POST", Origin="https://elsewhere.example")
        assert (answer.status_code, answer.json()["error"]) == (403, "browser_refused")


def test_a_session_waits_for_the_journal_like_everybody(tmp_path, monkeypatch):
    with asked(tmp_path / "data", monkeypatch, recovered=False) as service:
        session = service.session()
        assert service("/v1/status", session=session).status_code == 200
        assert service("/metrics", session=session).json()["error"] == "starting"
        assert service("/metrics").json()["error"] == "unauthorized"


@pytest.mark.fault(50)
def test_without_read_tokens_no_page_of_another_site_reads_by_a_name_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("LOGWEIR_RELOAD_ENDPOINT", "true")
    with asked(tmp_path / "data", monkeypatch, LOGWEIR_READ_TOKENS="") as service:
        answers = {each: service(*each, url="http://evil.example:7171") for each in guarded(service.app)}
        refused = {each for each, answer in answers.items() if answer.status_code == 403}
        assert refused == answers.keys() - {("/v1/events", "POST")}
        assert answers["/metrics", "GET"].json()["error"] == "unknown_host"
        for url in ("http://127.0.0.1:7171", "http://localhost", "http://[::1]:7171"):
            assert service("/metrics", url=url).status_code == 200


def test_with_read_tokens_a_service_may_have_any_name(service):
    assert service("/metrics", url="https://logs.example", token=READ).status_code == 200


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("localhost:7171", True),
        ("LOCALHOST.", True),
        ("app.localhost", True),
        ("127.0.0.1", True),
        ("10.1.2.3:80", True),
        ("[::1]:7171", True),
        ("logweir:7171", True),
        ("", True),
        ("evil.example", False),
        ("evil.example.:7171", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("notlocalhost.example:80", False),
    ],
)
def test_names_that_a_stranger_could_have_made_are_told_apart(host, is_ours):
    assert is_of_this_machine(host) == is_ours


@pytest.mark.parametrize(
    "path",
    [*sorted(OPEN - {"/favicon.ico"}), "/metrics", "/v1/status", "/status", "/", "/nothing", "/-/reload"],
)
def test_every_answer_says_that_it_is_to_be_kept_nowhere_and_framed_by_nobody(service, path):
    for token in ("", READ):
        headers = service(path, token=token).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"

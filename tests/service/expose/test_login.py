"""A read token, entered once, becomes a session that a browser keeps."""

from __future__ import annotations

import pytest

from logweir_service.access import read_tokens
from logweir_service.errors import Refusal
from logweir_service.expose.login import FAILURES_PER_SECOND, Guesses, own_path
from logweir_service.expose.session import Sessions
from tests.service.expose.asking import INGEST, READ, asked

HTML = "text/html"


@pytest.fixture
def service(tmp_path, monkeypatch):
    with asked(tmp_path / "data", monkeypatch) as each:
        yield each


def test_a_token_that_is_entered_opens_what_was_asked_for(service):
    sent = service("/v1/events?correlation_id=a%2Fb&limit=5", accept=HTML).headers["location"]
    assert sent == "/login?next=/v1/events%3Fcorrelation_id%3Da%252Fb%26limit%3D5"
    form = service(sent, accept=HTML)
    assert form.status_code == 200
    assert 'value="/v1/events?correlation_id=a%2Fb&amp;limit=5"' in form.text
    answer = service.log_in(wanted="/v1/events?correlation_id=a%2Fb&limit=5")
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/v1/events?correlation_id=a%2Fb&limit=5",
    )
    assert service("/v1/status", session=answer.cookies["logweir_session"]).status_code == 200


def test_the_cookie_is_kept_from_scripts_and_from_other_sites(service):
    kept = {part.strip().lower() for part in service.log_in().headers["set-cookie"].split(";")[1:]}
    assert kept == {"httponly", "max-age=43200", "path=/", "samesite=strict"}


@pytest.mark.parametrize("forwarded", ["https", "HTTPS", "https, http"])
def test_behind_tls_the_cookie_stays_there(service, forwarded):
    assert "Secure" in service.log_in(X_Forwarded_Proto=forwarded).headers["set-cookie"]
    assert "Secure" not in service.log_in(X_Forwarded_Proto="http").headers["set-cookie"]


def test_a_request_by_tls_gets_a_secure_cookie(service):
    answer = service(
        "/login",
        "POST",
        body=b"token=" + READ.encode(),
        url="https://logweir",
        Content_Type="application/x-www-form-urlencoded",
    )
    assert "Secure" in answer.headers["set-cookie"]


@pytest.mark.fault(50)
@pytest.mark.parametrize("token", ["wrong", "", INGEST, READ.upper(), f"{READ} {READ}", "\N{SNOWMAN}"])
def test_a_wrong_token_gets_the_form_again_and_no_session(service, token):
    answer = service.log_in(token, wanted="/status")
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert 'role="alert"' in answer.text
    assert 'value="/status"' in answer.text


def test_a_session_outlives_a_restart_and_ends_with_its_token(tmp_path, monkeypatch):
    def knows(session: str, tokens: str) -> bool:
        with asked(tmp_path / "data", monkeypatch, LOGWEIR_READ_TOKENS=tokens) as service:
            return service("/v1/status", session=session).status_code == 200

    with asked(tmp_path / "data", monkeypatch, LOGWEIR_READ_TOKENS=f"other,{READ}") as service:
        session = service.session()
    assert knows(session, f"other,{READ}")
    assert knows(session, READ)
    assert not knows(session, "other")


@pytest.mark.fault(50)
def test_a_session_that_was_made_up_or_is_over_opens_nothing(service):
    session = service.session()
    expiry, signature = session.split(".")
    later = str(int(expiry) + 1)
    forged = [
        "",
        "x",
        READ,
        expiry,
        f"{expiry}.",
        f"{later}.{signature}",
        f"0{expiry}.{signature}",
        f"{expiry}.{signature[:-1]}{'1' if signature[-1] == '0' else '0'}",
        f"{expiry}.{signature.upper()}",
        f"{expiry}.{'0' * 64}",
        f"-1.{signature}",
        f"{expiry}.{signature}.{signature}",
    ]
    assert {each: service("/v1/status", session=each).status_code for each in forged} == dict.fromkeys(
        forged, 401
    )
    assert service("/v1/status", session=session).status_code == 200


def test_a_session_ends_after_twelve_hours():
    now = 1_790_000_000.0
    sessions = Sessions(read_tokens(READ), clock=lambda: now)
    session = sessions.open(READ)
    now += 12 * 3600 - 1
    assert sessions.knows(session)
    now += 1
    assert not sessions.knows(session)


def test_leaving_lets_the_browser_forget_the_session(service):
    answer = service("/logout", "POST", session=service.session())
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert 'logweir_session=""' in answer.headers["set-cookie"]
    assert "Max-Age=0" in answer.headers["set-cookie"]


def test_who_has_a_session_is_not_asked_again(service):
    answer = service("/login?next=/status", session=service.session())
    assert (answer.status_code, answer.headers["location"]) == (303, "/status")


@pytest.mark.parametrize(
    "wanted",
    [
        "//elsewhere.example",
        "https://elsewhere.example/",
        "/\\elsewhere.example",
        "\\\\elsewhere.example",
        "/\t/elsewhere.example",
        "/\n/elsewhere.example",
        "/a\\b",
        "/a\r\nSet-Cookie: x=y",
        "elsewhere.example",
        "javascript:alert(1)",
        "/" + 1024 * "a",
        " /status",
        "",
    ],
)
@pytest.mark.fault(50)
def test_nobody_is_led_to_another_host(service, wanted):
    assert own_path(wanted) == "/"
    assert service.log_in(wanted=wanted).headers["location"] == "/"


@pytest.mark.parametrize("wanted", ["/", "/status", "/c/a:b?x=1&y=//z", "/?q=level:error"])
def test_own_paths_are_led_to(wanted):
    assert own_path(wanted) == wanted


def test_where_another_site_may_have_led_here_the_browser_is_asked_once_more_for_its_cookie(service):
    again = 'http-equiv="refresh" content="0; url=/login?next=/c/a&amp;again=1"'
    assert again in service("/login?next=/c/a", Sec_Fetch_Site="cross-site").text
    assert again in service("/login?next=/c/a").text
    for path, site in (("/login?next=/c/a&again=1", "same-origin"), ("/login?next=/c/a", "none")):
        assert "refresh" not in service(path, Sec_Fetch_Site=site).text
    assert "refresh" not in service("/login?next=/c/a&again=1").text


@pytest.mark.parametrize(
    ("content_type", "body", "status", "code"),
    [
        ("application/json", b"{}", 415, "unknown_type"),
        ("multipart/form-data; boundary=x", b"--x--", 415, "unknown_type"),
        ("application/x-www-form-urlencoded", b"token=" + b"x" * 4096, 413, "too_large"),
        ("application/x-www-form-urlencoded", b"token=%ff", 400, "invalid_form"),
        ("application/x-www-form-urlencoded", b"token=\xff", 400, "invalid_form"),
        ("application/x-www-form-urlencoded", b"a=1&" * 20, 400, "invalid_form"),
    ],
)
def test_what_is_no_small_form_is_refused(service, content_type, body, status, code):
    answer = service("/login", "POST", body=body, Content_Type=content_type)
    assert (answer.status_code, answer.json()["error"]) == (status, code)


def test_many_wrong_tokens_in_a_second_end_the_guessing_for_a_moment():
    now = 100.0
    guesses = Guesses(lambda: now)
    for _ in range(FAILURES_PER_SECOND):
        guesses.require_few()
        guesses.count()
    with pytest.raises(Refusal, match="too many wrong tokens"):
        guesses.require_few()
    now += 1
    guesses.require_few()

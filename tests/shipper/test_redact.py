"""Secrets are found by their keys, and in texts by their shape; what only looks like one is left alone."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

import logweir
from logweir.fields import RESERVED
from logweir.redact import TEXTS, is_hidden, is_secret, mask
from logweir.testing import CapturingSink

TELEGRAM = "123456789:" + "AAx-_" * 7


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Authorization: Bearer abc.def-ghi_jkl", "Authorization: Bearer [redacted]"),
        ("Authorization: Basic dXNlcjpodW50ZXIy", "Authorization: Basic [redacted]"),
        ("postgres://app:hunter2@db/x refused", "postgres://app:[redacted]@db/x refused"),
        ("postgres://app:hun@ter2@db/x refused", "postgres://app:[redacted]@db/x refused"),
        ("bad eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.sig-na_ture", "bad [redacted]"),
        ("login failed: password=hunter2, user=a", "login failed: password=[redacted], user=a"),
        ("{'password': 'hunter2', 'n': 1}", "{'password': [redacted], 'n': 1}"),
        ('{"password": "hun\\"ter2", "n": 1}', '{"password": [redacted], "n": 1}'),
        ('"{\\"password\\": \\"hunter2\\"}"', '"{\\"password\\": [redacted]\\"}"'),
        ("{'token': b'hunter2'}", "{'token': [redacted]}"),
        ("grant_type=x&client_secret=hunter2&a=1", "grant_type=x&client_secret=[redacted]&a=1"),
        ("access_token=hunter2", "access_token=[redacted]"),
        ("x-api-key: hunter2", "x-api-key: [redacted]"),
        ("AWS_SECRET_ACCESS_KEY=hunter2", "AWS_SECRET_ACCESS_KEY=[redacted]"),
        ("Authorization: Token abc, n=1", "Authorization: [redacted]"),
        ("Authorization: Token abc\r\nHost: x", "Authorization: [redacted]\r\nHost: x"),
        ("{'Authorization': 'Token abc', 'n': 1}", "{'Authorization': [redacted], 'n': 1}"),
        ("Set-Cookie: sid=abc; Path=/; HttpOnly\r\nn: 1", "Set-Cookie: [redacted]\r\nn: 1"),
        ("curl -H 'Cookie: a=b; c=d' http://x", "curl -H 'Cookie: [redacted]' http://x"),
        ('Cookie: a="q v"; b=secret2', "Cookie: [redacted]"),
        ("cookies=RequestsCookieJar[<Cookie sid=abc for x/>]", "cookies=[redacted]]"),
        ("for AKIAIOSFODNN7EXAMPLE.", "for [redacted]."),
        ("git: ghp_" + "aB3dE6" * 6, "git: [redacted]"),
        ("git: github_pat_11AB_" + "c0D3" * 16, "git: [redacted]"),
        ("slack: xoxb-123456789012-h4Sh", "slack: [redacted]"),
        ("-----BEGIN EC PRIVATE KEY-----\nMII\n-----END EC PRIVATE KEY----- x", "[redacted] x"),
        ("-----BEGIN PRIVATE KEY-----\nMII", "[redacted]"),
        (f"/bot{TELEGRAM}/sendMessage", "/bot[redacted]/sendMessage"),
    ],
)
def test_credentials_in_texts_are_masked_by_their_shape(text: str, masked: str) -> None:
    assert mask(text) == masked
    assert mask(masked) == masked


@pytest.mark.parametrize(
    "text",
    [
        "nothing to hide: 17 tokens",
        "Basic authentication failed",
        "Bearer authentication is asked for",
        "http://host:8080/a?mail=a@b.c",
        "gen_ai_usage_input_tokens=5",
        "took 1234567: 12 ms",
        "monkey: see",
        "authorization failed, cookies are off",
        "the private key is missing",
        "-----BEGIN PUBLIC KEY-----\nMII",
        "asia-east1, xoxb-1, ghp_x",
    ],
)
def test_prose_is_not_masked(text: str) -> None:
    assert mask(text) == text


@pytest.mark.parametrize(
    "part",
    [
        *("eyJ-", "eyJaaaaaaaa.", "basic ", "password ", "password=", "a://b:", "1", "\\", "token: \\"),
        *("authorization: ", "authorization: a,b=", "cookie: a;", "AKIA", "ghp_", "github_pat_", "xoxb-"),
        *("-----BEGIN PRIVATE KEY ", "-----BEGIN PRIVATE KEY-----END ", "api_key "),
    ],
)
@pytest.mark.timeout(20)  # what is quadratic would take minutes
def test_a_text_made_to_be_slow_is_not(part: str) -> None:
    mask(part * (1_000_000 // len(part)))


@pytest.mark.parametrize("key", sorted(TEXTS))
def test_texts_are_masked_on_the_fast_and_on_the_careful_way(sink: CapturingSink, key: str) -> None:
    for odd in (None, None, object()):
        fields: dict[str, Any] = {key: "password=hunter2", "odd": odd}
        logweir.emit("a.b", **fields)
    assert [event[key] for event in sink.events] == ["password=[redacted]"] * 3


def test_a_free_text_is_masked(sink: CapturingSink) -> None:
    logweir.get_logger().info("Refused: token=hunter2")
    assert sink.events[0]["message"] == "Refused: token=[redacted]"


def test_a_token_in_a_called_path_is_masked(sink: CapturingSink) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(200))
    client = logweir.httpx.instrument(httpx.Client(transport=transport))
    client.post(f"https://api.telegram.org/bot{TELEGRAM}/sendMessage")
    assert sink.events[0]["url_path"] == "/bot[redacted]/sendMessage"


def test_no_reserved_field_is_redacted_by_its_key() -> None:
    assert not any(is_secret(key) for key in RESERVED)


CATALOGUE = """
    http_requests_in_progress http_queue_depth db_rows db_pool_size db_pool_available db_connections_active
    db_size_bytes cache_name cache_operation cache_result cache_size_bytes ai_complexity pipeline stage
    bot_platform bot_message_type bot_command bot_handler peer_service server_address rate_limit_used_ratio
    component auth_method storage_operation size_bytes speech_kind speech_provider fallback document_type
    document_pages media_kind confidence_level job_name job_id tool_name block dependency healthy
    system_cpu_usage_ratio system_memory_usage_ratio system_disk_usage_ratio app_process_cpu_usage_ratio
    app_process_memory_bytes app_process_open_fds gen_ai_token_type
"""
"""What the events have of their own from which the packs make metrics."""


@pytest.mark.parametrize("key", CATALOGUE.split())
def test_no_field_of_the_catalogue_is_redacted_by_its_key(sink: CapturingSink, key: str) -> None:
    logweir.emit("a.b", odd=object(), **{key: "input"})
    assert sink.events[0][key] == "input"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("csrf_enabled", True), ("otp_sent", False), ("password", None), ("token_count", 17)),
        *(("tokenLimit", 0.5), ("secret.size", 0), ("otp-attempts", 3)),
    ],
)
def test_flags_and_measures_are_no_secrets(sink: CapturingSink, key: str, value: Any) -> None:
    logweir.emit("a.b", **{key: value}, below=[{key: value}])
    assert sink.events[0][key] == sink.events[0]["below"][0][key] == value


@pytest.mark.parametrize(
    ("key", "value"), [("otp", 471147), ("otp_code", 47), ("cvv", 123), ("token_count", "abc"), ("token", 1)]
)
def test_other_numbers_and_texts_under_such_keys_are(sink: CapturingSink, key: str, value: Any) -> None:
    assert is_hidden(key, value)
    logweir.emit("a.b", **{key: value}, below=[{key: value}])
    assert sink.events[0][key] == sink.events[0]["below"][0][key] == "[redacted]"

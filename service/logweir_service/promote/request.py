"""The HTTP request that an event tells of, as Sentry's request interface, without its secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

SECRET: Final = re.compile(
    r"passw|secret|token|api[-_]?key|auth|cookie|session|csrf|xsrf|credential|private[-_]?key"
    r"|card[-_]?number|\bcvv\b|\bssn\b",
    re.IGNORECASE,
)
"""Names whose values never leave for Sentry, even where nothing before us has redacted them."""

ADDRESSES: Final = frozenset(
    """
    x-forwarded-for x-real-ip forwarded remote-addr cf-connecting-ip true-client-ip
    """.split()
)
"""Headers that hold a person's address."""

FILTERED: Final = "[Filtered]"


def is_request(fields: Mapping[str, Any]) -> bool:
    """Whether `fields` tell of a request that their service answered, not of one that it made."""
    return (
        isinstance(fields.get("http_request_method"), str)
        and isinstance(fields.get("http_route") or fields.get("url_path"), str)
        and fields.get("span_kind") != "client"
        and not str(fields.get("event")).startswith("external.")
    )


def sentry_request(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Method, URL, query and headers of the request in `fields`; secrets and addresses are filtered."""
    headers = _headers(fields)
    request: dict[str, Any] = {"method": fields["http_request_method"], "url": _url(fields, headers)}
    if isinstance(fields.get("url_query"), str) and fields["url_query"]:
        request["query_string"] = _query(fields["url_query"])
    if headers:
        request["headers"] = headers
    return request


def transaction(fields: Mapping[str, Any]) -> str:
    """The request's name that is the same for all requests like it: ``GET /orders/{id}``."""
    return f"{fields['http_request_method']} {fields.get('http_route') or fields.get('url_path')}"


def _url(fields: Mapping[str, Any], headers: Mapping[str, str]) -> str:
    path = str(fields.get("url_path") or fields.get("http_route")).partition("?")[0]
    host = next((value for name, value in headers.items() if name.lower() == "host"), None)
    host = host or fields.get("server_address")
    return f"{fields.get('url_scheme') or 'http'}://{host}{path}" if host else path


def _query(query: str) -> str:
    pairs = [pair.partition("=") for pair in query.lstrip("?").split("&")]
    return "&".join(
        f"{name}={FILTERED}" if SECRET.search(name) else name + eq + value for name, eq, value in pairs
    )


def _headers(fields: Mapping[str, Any]) -> dict[str, str]:
    sent = fields.get("http_request_headers")
    headers = {str(name): str(value) for name, value in sent.items()} if isinstance(sent, dict) else {}
    agent = fields.get("user_agent_original")
    if isinstance(agent, str) and "user-agent" not in map(str.lower, headers):
        headers["User-Agent"] = agent
    return {
        name: FILTERED if SECRET.search(name) else value
        for name, value in headers.items()
        if name.lower() not in ADDRESSES
    }

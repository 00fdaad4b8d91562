from __future__ import annotations

import pytest

from logweir_service.promote.request import is_request, sentry_request, transaction

CHECKOUT = {
    "event": "http.request",
    "http_request_method": "POST",
    "http_route": "/carts/{id}",
    "url_path": "/carts/7",
    "url_query": "coupon=x&api_key=123&empty",
    "http_request_headers": {
        "host": "shop.example",
        "Authorization": "Bearer s3cr3t",
        "X-Api-Key": "s3cr3t",
        "Cookie": "session=s3cr3t",
        "X-Forwarded-For": "192.0.2.7",
        "accept": "*/*",
    },
    "user_agent_original": "curl/8",
}


def test_a_request_is_told_with_method_url_query_and_headers():
    assert sentry_request(CHECKOUT) == {
        "method": "POST",
        "url": "http://shop.example/carts/7",
        "query_string": "coupon=x&api_key=[Filtered]&empty",
        "headers": {
            "host": "shop.example",
            "Authorization": "[Filtered]",
            "X-Api-Key": "[Filtered]",
            "Cookie": "[Filtered]",
            "accept": "*/*",
            "User-Agent": "curl/8",
        },
    }


def test_no_secret_and_no_address_leaves():
    text = str(sentry_request(CHECKOUT))

    assert "s3cr3t" not in text
    assert "192.0.2.7" not in text


def test_a_request_is_named_by_its_route():
    assert transaction(CHECKOUT) == "POST /carts/{id}"
    assert transaction({"http_request_method": "GET", "url_path": "/x"}) == "GET /x"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"http_request_method": "GET", "http_route": "/"}, True),
        ({"http_request_method": "GET", "url_path": "/x"}, True),
        ({"http_request_method": "GET"}, False),
        ({"http_route": "/"}, False),
        ({"http_request_method": 3, "http_route": "/"}, False),
        ({"http_request_method": "GET", "url_path": "/x", "span_kind": "client"}, False),
        ({"http_request_method": "GET", "url_path": "/x", "event": "external.call"}, False),
    ],
)
def test_a_call_that_the_service_made_is_not_the_request_it_answered(fields, expected):
    assert is_request(fields) is expected


def test_without_a_host_the_url_is_the_path():
    request = sentry_request({"http_request_method": "GET", "url_path": "/x?token=1"})

    assert request == {"method": "GET", "url": "/x"}

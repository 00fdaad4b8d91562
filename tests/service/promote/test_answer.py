from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logweir_service.promote.answer import MAX_PAUSE_SECONDS, Outcome, judge, limited_seconds

NOON_1994 = 784_900_800.0
BUGSINK = "86400:transaction;span:organization"


@pytest.mark.parametrize(
    ("status", "headers", "outcome"),
    [
        (200, {}, Outcome("delivered", "", 0.0)),
        (200, {"X-Sentry-Rate-Limits": BUGSINK}, Outcome("delivered", "", 0.0)),
        (200, {"X-Sentry-Rate-Limits": f"{BUGSINK}, 7:error:key"}, Outcome("delivered", "", 7.0)),
        (200, {"X-Sentry-Rate-Limits": "9::organization"}, Outcome("delivered", "", 9.0)),
        (429, {"X-Sentry-Rate-Limits": f"60::key, {BUGSINK}"}, Outcome("again", "rate_limited", 60.0)),
        (429, {"Retry-After": "3"}, Outcome("again", "rate_limited", 3.0)),
        (429, {"Retry-After": "Tue, 15 Nov 1994 12:00:20 GMT"}, Outcome("again", "rate_limited", 20.0)),
        (429, {"Retry-After": "soon"}, Outcome("again", "rate_limited", 60.0)),
        (
            429,
            {"Retry-After": "Mon, 01 Jan 2024 00:00:00 +99999999999999999999"},
            Outcome("again", "rate_limited", 60.0),
        ),
        (429, {}, Outcome("again", "rate_limited", 60.0)),
        (500, {}, Outcome("again", "status_500", None)),
        (503, {"Retry-After": "4"}, Outcome("again", "status_503", 4.0)),
        (408, {}, Outcome("again", "status_408", None)),
        (401, {}, Outcome("again", "status_401", 60.0)),
        (403, {"Retry-After": "300"}, Outcome("again", "status_403", 300.0)),
        (404, {}, Outcome("again", "status_404", 60.0)),
        (302, {"Location": "http://169.254.169.254/"}, Outcome("again", "status_302", 60.0)),
        (413, {}, Outcome("too_large", "too_large")),
        (400, {}, Outcome("refused", "status_400")),
        (422, {}, Outcome("refused", "status_422")),
    ],
)
def test_an_answer_says_what_becomes_of_the_event_and_how_long_the_route_rests(status, headers, outcome):
    assert judge(status, headers, now=NOON_1994) == outcome


def test_of_several_limits_the_longest_counts():
    assert limited_seconds("1:error, 5:default;error:org, 99:span, 3::key") == 5.0


@given(st.text())
def test_no_header_breaks_the_reading_or_silences_a_route_for_ever(text):
    outcome = judge(429, {"X-Sentry-Rate-Limits": text, "Retry-After": text}, now=0.0)

    assert outcome.pause_seconds is not None
    assert 0 <= outcome.pause_seconds <= MAX_PAUSE_SECONDS

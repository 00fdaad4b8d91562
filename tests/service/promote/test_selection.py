from __future__ import annotations

import pytest

from logweir_service.event import identity
from logweir_service.promote import Selection
from logweir_service.promote.selection import is_repeat, sampled

from .parts import JOURNAL, decoded, event, promote_rule, stored

ERRORS = promote_rule(unless='http_response_status_code == 404 or http_route in ("/health", "/ready")')
DECLINED = promote_rule('event == "card.declined"', name="declined")


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"level": "error"}, "errors"),
        ({"level": "critical"}, "errors"),
        ({"level": "warning"}, None),
        ({"level": "info", "event": "card.declined"}, "declined"),
        ({"level": "error", "event": "card.declined"}, "errors"),
        ({"level": "error", "http_response_status_code": 404}, None),
        ({"level": "error", "http_route": "/health"}, None),
        ({"level": "error", "http_route": {"odd": 1}}, "errors"),
        ({"level": "debug", "promote": True}, "errors"),
        ({"level": "error", "http_route": "/health", "promote": True}, "errors"),
        ({"level": "critical", "promote": False}, None),
        ({"level": "info", "promote": "yes"}, None),
    ],
)
def test_an_event_is_promoted_by_the_first_rule_that_takes_it(fields, rule):
    selection = Selection([ERRORS, DECLINED])
    asked = event() | fields

    [decoded_event] = decoded(selection, asked)

    found = selection.rule_of(decoded_event)
    assert (found.name if found else None) == rule
    assert selection.candidates([decoded_event]) == ([0] if rule else [])
    assert selection.rule_of_line(stored(asked).line) == found


def test_candidates_are_the_places_of_the_events_promoted():
    selection = Selection([ERRORS])
    events = decoded(
        selection,
        event(level="info"),
        event(),
        event(level="debug", promote=True),
        event(promote=False),
        event(level="critical"),
    )

    assert selection.candidates(events) == [1, 2, 4]


def test_without_rules_only_what_asks_for_it_is_promoted():
    selection = Selection([])

    assert selection.candidates(decoded(selection, event(), event(promote=True))) == [1]


def test_a_condition_that_looks_at_more_than_the_level_is_asked_for_each_event():
    selection = Selection([promote_rule("duration_seconds > 5")])
    events = decoded(selection, event(level="info", duration_seconds=9), event(level="info"), event())

    assert selection.candidates(events) == [0]


def test_a_line_that_is_no_event_is_not_promoted():
    assert Selection([ERRORS]).rule_of_line(b'{"level":"error"}') is None


def test_a_sample_holds_its_share_and_answers_the_same_each_time():
    rule = promote_rule(sample_rate=0.25)
    kept = [lsn for lsn in range(2000) if sampled(rule, journal=JOURNAL, lsn=lsn, index=0)]

    assert 400 < len(kept) < 600
    assert kept == [lsn for lsn in range(2000) if sampled(rule, journal=JOURNAL, lsn=lsn, index=0)]
    assert sampled(promote_rule(), journal=JOURNAL, lsn=1, index=0)
    assert not sampled(promote_rule(sample_rate=0.0), journal=JOURNAL, lsn=1, index=0)


def test_an_error_logged_twice_is_promoted_once():
    selection = Selection([ERRORS])
    first = stored(event("inner", error_id="e1", correlation_id="c"), lsn=4, index=2)
    second = stored(event("outer", error_id="e1", correlation_id="c"), lsn=5)
    quiet = stored(event("note", error_id="e2", level="info", correlation_id="c"), lsn=1)
    other = stored(event("other", error_id="e2", correlation_id="c"), lsn=6)
    story = [quiet, first, second, other]

    assert [is_repeat(each, story, selection) for each in (first, second, other)] == [False, True, False]


def test_identities_differ_by_place_and_journal():
    assert identity(JOURNAL, 1, 2) != identity(JOURNAL, 12, 0)

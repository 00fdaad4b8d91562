import random
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logweir_service.event import StoredEvent
from logweir_service.find import timeline

from .stories import BEGIN, event, odd_events, raising, span, stored

CALL: dict[str, Any] = {"name": "external.call", "span_kind": "client"}
SERVED: dict[str, Any] = {"service": "payments", "span_kind": "server"}


def names(told):
    return [row.name for row in told.rows]


def nested(told):
    return [(row.name, row.depth) for row in told.rows]


def gaps(told):
    return [(row.name, round(row.gap_before, 3)) for row in told.rows if row.gap_is_notable]


def checkout(ahead=0.0):
    """A request that calls another service, whose clock may be wrong, and then fails."""
    return stored(
        event(0.01, "cart.loaded", parent_span_id="a"),
        span(0.03, 0.29, "call", "a", **CALL),
        event(0.295, "payment.failed", level="error", parent_span_id="a"),
        span(0.0, 0.3, "a", name="http.request", user_id="u1"),
        span(0.05 + ahead, 0.27 + ahead, "bank", "served", "payments"),
        span(
            *(0.04 + ahead, 0.28 + ahead, "served", "call"),
            **SERVED,
            level="error",
            exception=raising(),
        ),
    )


def test_rows_stand_in_the_order_of_their_begins_inside_of_what_they_happened_in():
    told = timeline(checkout())
    assert nested(told) == [
        ("http.request", 0),
        ("cart.loaded", 1),
        ("external.call", 1),
        ("served", 2),
        ("bank", 3),
        ("payment.failed", 1),
    ]
    assert [row.offset for row in told.rows] == pytest.approx([0, 0.01, 0.03, 0.04, 0.05, 0.295])
    assert [row.parent for row in told.rows] == [None, 0, 0, 2, 3, 0]
    assert [row.duration for row in told.rows] == [0.3, None, 0.26, 0.24, 0.22, None]
    assert [row.number for row in told.rows] == [*range(6)]


def test_a_story_is_summed_up():
    told = timeline(checkout())
    assert (told.correlation_id, told.services, told.users) == ("c1", ("shop", "payments"), ("u1",))
    assert (told.begin, told.end) == (BEGIN, BEGIN + timedelta(seconds=0.3))
    assert told.duration == pytest.approx(0.3)
    assert told.error_count == 2
    assert told.skews == {}


def test_the_order_of_storing_changes_nothing():
    mixed = checkout()
    random.Random(3).shuffle(mixed)
    assert timeline(mixed) == timeline(checkout())


def test_the_error_to_look_at_is_the_one_with_an_exception_and_no_other_inside_of_it():
    told = timeline(
        stored(
            event(0.1, "warned", level="warning", exception=raising()),
            event(0.2, "said", level="error"),
            span(0, 9, "outer", level="error", exception=raising()),
            span(1, 5, "inner", "outer", level="critical", exception=raising("KeyError")),
            event(7, "later", level="error", exception=raising()),
        )
    )
    assert told.first_error is not None
    assert told.first_error.name == "inner"
    assert told.first_error.exceptions()[0].headline == "KeyError: bad"
    assert [row.name for row in told.before] == ["warned", "said"]


@pytest.mark.parametrize("ahead", [0.0, 5.0, -5.0])
def test_the_service_that_failed_comes_first_whatever_the_clocks_say(ahead):
    told = timeline(checkout(ahead))
    assert told.first_error is not None
    assert told.first_error.name == "served"
    assert [row.name for row in told.before] == ["cart.loaded", "bank"]


def test_without_an_exception_the_first_error_counts_and_without_error_none():
    quiet = [event(1, "first"), event(2, "failed", level="error"), event(3, "again", level="error")]
    told = timeline(stored(*quiet))
    assert told.first_error is not None
    assert told.first_error.name == "failed"
    assert timeline(stored(event(1))).first_error is None
    assert timeline(stored(event(1))).before == ()


def test_an_exception_that_came_as_text_counts_as_one():
    text = event(2, "text", level="error", exception_text="Traceback\n  ValueError")
    told = timeline(stored(event(1, "said", level="error"), text))
    assert told.first_error is not None
    assert told.first_error.name == "text"


@pytest.mark.parametrize("ahead", [5.0, -5.0, 0.2])
def test_a_wrong_clock_is_told_and_moves_no_row_and_no_time(ahead):
    told = timeline(checkout(ahead))
    assert told.skews == {"payments": pytest.approx(ahead, abs=0.02)}
    assert names(told) == names(timeline(checkout()))
    served = told.rows[3]
    assert served.at == BEGIN + timedelta(seconds=0.28 + ahead)
    assert served.began == pytest.approx(0.04, abs=0.02)
    assert told.took == pytest.approx(0.3, abs=0.02)
    assert told.duration == pytest.approx(max(0.3, 0.28 + ahead) - min(0, 0.04 + ahead))
    assert told.begin + timedelta(seconds=served.offset) == BEGIN + timedelta(seconds=0.04 + ahead)
    assert gaps(told) == []


def test_a_clock_that_is_wrong_for_one_is_wrong_for_those_that_it_calls():
    told = timeline(
        stored(
            span(0, 1, "a", **CALL),
            span(5.1, 5.9, "b", "a", **SERVED),
            span(5.2, 5.8, "c", "b", "payments", **CALL),
            span(5.3, 5.7, "d", "c", "bank", span_kind="server"),
        )
    )
    assert told.skews == {"payments": pytest.approx(5), "bank": pytest.approx(5)}
    assert names(told) == ["external.call", "b", "external.call", "d"]


def test_a_caller_that_gave_up_and_a_job_that_begins_later_speak_against_no_clock():
    gave_up = stored(span(0, 0.25, "a", **CALL), span(0.01, 2, "b", "a", **SERVED))
    later = stored(span(0, 0.25, "a"), span(60, 60.1, "b", "a", "worker"))
    assert timeline(gave_up).skews == timeline(later).skews == {}


def test_what_happened_later_elsewhere_and_took_no_time_speaks_against_no_clock():
    told = timeline(stored(span(0, 0.25, "a", **CALL), event(60, "heard", "worker", parent_span_id="a")))
    assert told.skews == {}


def test_calls_that_disagree_by_little_speak_against_no_clock():
    call = span(0, 1, "a", **CALL)
    inside, outside = span(0.3, 0.5, "b", "a", **SERVED), span(0.012, 1.012, "c", "a", **SERVED)
    assert timeline(stored(call, outside)).skews == {"payments": pytest.approx(0.012)}
    assert timeline(stored(call, inside, outside)).skews == {}


def test_what_began_before_its_parent_in_another_service_has_a_clock_behind():
    told = timeline(stored(span(0, 0.25, "a"), span(-3, 2, "b", "a", "worker")))
    assert told.skews == {"worker": pytest.approx(-3)}
    assert names(told) == ["a", "b"]


def test_a_child_never_stands_above_its_parent():
    told = timeline(stored(span(0.000001, 1, "a"), event(0, "early", parent_span_id="a")))
    assert nested(told) == [("a", 0), ("early", 1)]
    told = timeline(stored(event(0, "at once", parent_span_id="a"), span(0, 1, "a")))
    assert nested(told) == [("a", 0), ("at once", 1)]


def test_gaps_are_told_where_nothing_went_on_but_what_stands_around():
    told = timeline(
        stored(
            span(0, 10, "request"),
            span(0.5, 3, "query", "request"),
            span(0.6, 1, "cache", "request"),
            event(5.1, "woke", parent_span_id="request"),
            span(5.2, 7, "call", "request"),
        )
    )
    assert gaps(told) == [("woke", 2.1)]
    assert round(told.gap_at_end, 3) == 3
    assert round(told.rows[1].gap_before, 3) == 0.5
    assert not told.rows[1].gap_is_notable


def test_a_tenth_of_a_short_story_is_notable_and_milliseconds_never_are():
    assert gaps(timeline(stored(event(0), event(0.15, "b"), event(0.16, "c")))) == [("b", 0.15)]
    assert gaps(timeline(stored(event(0), event(0.05, "b")))) == []


def test_a_second_is_notable_however_long_the_story_is():
    told = timeline(stored(event(0), event(1.5, "b"), span(1.6, 100, "c")))
    assert gaps(told) == [("b", 1.5)]


def test_a_missing_parent_leaves_its_children_at_the_top():
    assert nested(timeline(stored(event(0, "a", parent_span_id="gone")))) == [("a", 0)]


def test_a_log_record_that_names_its_span_stands_inside_of_it():
    assert nested(timeline(stored(span(0, 1, "a"), event(0.5, "said", span_id="a")))) == [
        ("a", 0),
        ("said", 1),
    ]


def test_log_records_of_a_span_that_is_not_here_stand_beside_each_other():
    said = [event(at, f"n{at}", span_id="gone") for at in (1, 2)]
    assert nested(timeline(stored(*said))) == [("n1", 0), ("n2", 0)]


def test_a_warning_of_slowness_takes_no_time_of_its_own():
    slow = event(1, "a.slow", level="warning", parent_span_id="a", duration_seconds=1)
    told = timeline(stored(span(0, 1, "a"), event(0.5, "b", parent_span_id="a"), slow))
    assert [(row.name, row.duration) for row in told.rows] == [("a", 1), ("b", None), ("a.slow", None)]


def test_spans_in_a_circle_are_told_with_one_link_cut():
    told = timeline(
        stored(span(0, 1, "a", "c"), span(0, 1, "b", "a"), span(0, 1, "c", "b"), span(0, 1, "d", "d"))
    )
    assert sorted(row.depth for row in told.rows) == [0, 0, 1, 2]


def test_of_two_spans_with_one_id_the_first_has_the_children():
    told = timeline(
        stored(span(0, 1, "a"), span(2, 3, "a", name="twin"), event(2.5, "in", parent_span_id="a"))
    )
    assert nested(told) == [("a", 0), ("twin", 1), ("in", 1)]


def test_ten_thousand_rows_inside_of_each_other_are_told():
    deep = [span(0, 1, f"s{number}", f"s{number - 1}", level="error") for number in range(10_000)]
    told = timeline(stored(*deep))
    assert told.rows[-1].depth == 9_999
    assert told.first_error == told.rows[-1]


@pytest.mark.parametrize("odd", [-1, True, "1", 1e300, None, [], 10**20])
def test_a_duration_that_cannot_be_is_none(odd):
    told = timeline(stored({**event(0), "duration_seconds": odd}))
    assert (told.rows[0].duration, told.rows[0].start, told.duration) == (None, BEGIN, 0)


def test_an_event_without_a_usable_time_happened_when_it_was_received():
    told = timeline(stored({**event(0, "odd"), "timestamp": "yesterday"}))
    assert told.begin == told.rows[0].at == BEGIN + timedelta(seconds=60)


def test_a_line_that_cannot_be_read_is_shown_as_it_is():
    told = timeline([StoredEvent(1, 0, 0.0, b'{"a": \x1b[2J')])
    assert (told.rows[0].told, told.rows[0].service, told.rows[0].name) == ('{"a": \\x1b[2J', "?", "?")


def test_no_events_are_an_empty_story():
    told = timeline([])
    assert (told.rows, told.duration, told.first_error) == ((), 0.0, None)


@pytest.mark.fault(38)
@pytest.mark.parametrize("hostile", ["\r\n", "\x1b[2J", "\u202e", "\t", "\x00", "\x85", "\u2028"])
def test_texts_of_rows_are_visible_and_fields_are_as_sent(hostile):
    sent = dict.fromkeys(
        ("event", "service", "level", "user_id", "message", "correlation_id"), f"a{hostile}b"
    )
    told = timeline(
        stored({**event(0), **sent, f"own{hostile}": hostile, "exception": raising(hostile, hostile)})
    )
    row = told.rows[0]
    for text in (row.name, row.service, row.level, row.user, row.told, told.correlation_id, *told.services):
        assert text.isprintable()
        assert hostile.encode("unicode_escape").decode() in text
    assert row.exceptions()[0].headline.isprintable()
    assert row.fields["message"] == f"a{hostile}b"


@settings(suppress_health_check=[HealthCheck.too_slow])  # the first text takes Hypothesis a second
@given(st.lists(odd_events | st.binary(max_size=20), max_size=8))
def test_whatever_events_hold_every_one_becomes_a_row_below_its_parent(lines):
    told = timeline([StoredEvent(lsn, 0, 0.0, line) for lsn, line in enumerate(lines)])
    assert sorted(row.stored.line for row in told.rows) == sorted(lines)
    assert told.begin <= told.end
    for number, row in enumerate(told.rows):
        assert row.number == number
        assert row.offset >= 0
        assert 0 <= row.began <= told.took
        assert row.gap_before >= 0
        assert all(text.isprintable() for text in (row.service, row.level, row.name, row.told, row.user))
        assert all(each.headline.isprintable() for each in row.exceptions())
        if row.parent is None:
            assert row.depth == 0
        else:
            assert row.parent < number
            assert row.depth == told.rows[row.parent].depth + 1
    assert (told.first_error is None) == (told.error_count == 0)


spans = st.builds(
    lambda start, took, own, parent, service, kind: span(
        start, start + took, own, parent, service, span_kind=kind, level="error", exception=raising()
    ),
    st.integers(-50, 50),
    st.integers(0, 50),
    st.sampled_from("abcdefgh"),
    st.sampled_from("abcdefghz"),
    st.sampled_from(["shop", "payments", "bank"]),
    st.sampled_from(["client", "server", "internal"]),
)


@given(st.lists(spans, min_size=1, max_size=12))
def test_the_first_error_has_no_error_inside_of_it_and_times_are_as_told(events):
    told = timeline(stored(*events))
    assert told.first_error is not None
    assert all(row.parent != told.first_error.number for row in told.rows)
    assert told.first_error not in told.before
    for row in told.rows:
        assert row.offset == pytest.approx((row.start - told.begin).total_seconds())

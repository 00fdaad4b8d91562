from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logweir_service.promote import Selection, sentry_event
from logweir_service.promote.members import members

from .parts import JOURNAL, event, promote_rule, stored

ODD = (
    b'{"n":1e999,"i":-1e999,"d":'
    + b"9" * 5000
    + b',"big":123456789012345678901,"s":"\\ud800x","ok":[1,2.5,"\xc3\xa9"]}'
)


def test_numbers_out_of_range_read_as_null_and_the_rest_as_it_is():
    assert members(ODD) == {
        "n": None,
        "i": None,
        "d": None,
        "big": 123456789012345678901.0,
        "s": "?x",
        "ok": [1, 2.5, "é"],
    }


@pytest.mark.parametrize("line", [b"", b"[]", b"1", b'"x"', b"{", b"\xff"])
def test_what_is_no_object_is_refused(line):
    with pytest.raises(ValueError):  # noqa: PT011 - two libraries say it in their own words
        members(line)


def test_an_error_with_an_odd_number_is_promoted_all_the_same():
    rule = promote_rule(unless="http_response_status_code == 404")
    odd = stored(event(http_response_status_code=500, total=0))
    line = odd.line.replace(b": 500", b": 1e999").replace(b'"total": 0', b'"total": 1e999')
    odd = odd.__class__(odd.lsn, odd.index, odd.received, line)

    assert Selection([rule]).rule_of_line(line) == rule
    orjson.dumps(sentry_event(odd, journal=JOURNAL, story=[odd], rule=rule))


@given(
    st.dictionaries(
        st.sampled_from(
            ["exception", "tags", "user_id", "message", "trace_id", "http_route", "url_query", "logger"]
        )
        | st.text(max_size=5),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.floats(allow_nan=False, allow_infinity=False)
            | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
            ),
            max_leaves=6,
        ),
    )
)
def test_whatever_an_event_holds_a_sentry_event_is_made_of_it(fields):
    odd = stored({**fields, **event(http_request_method="GET")})

    built = sentry_event(
        odd, journal=JOURNAL, story=[stored({**fields, **event()}, lsn=2)], rule=promote_rule()
    )

    assert orjson.loads(orjson.dumps(built))["event_id"] == built["event_id"]

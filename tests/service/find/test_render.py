import json

import pytest

from logweir_service.find import render_story
from logweir_service.lenient import read_object

STORY = [
    {
        "timestamp": "2026-09-21T14:13:20.001000Z",
        "service": "shop",
        "level": "info",
        "event": "cart.loaded",
        "correlation_id": "c1",
        "user_id": "u-1",
        "items": 2,
        "nested": {"not": "shown"},
    },
    {
        "timestamp": "2026-09-21T16:13:20.250000+02:00",
        "service": "payments",
        "level": "error",
        "event": "http.request",
        "correlation_id": "c1",
        "http_request_method": "POST",
        "http_route": "/charges",
        "http_response_status_code": 500,
        "duration_seconds": 0.2,
        "error_type": "ChargeFailed",
        "exception": [
            {
                "type": "ChargeFailed",
                "value": "may be paid",
                "frames": [
                    {"filename": "site-packages/x.py", "lineno": 1, "function": "run", "in_app": False},
                    {
                        "filename": "pay.py",
                        "lineno": 7,
                        "function": "charge",
                        "in_app": True,
                        "context_line": "  raise ChargeFailed",
                    },
                ],
            },
            {"type": "TimeoutError", "value": "bank", "relation": "cause", "frames": []},
        ],
    },
]


def test_story_reads_in_order_with_the_error_and_its_stack():
    assert [*render_story(STORY)] == [
        "c1: 2 events, 1 error, 2 services (shop, payments)",
        "-- 2026-09-21 UTC",
        "14:13:20.001  shop      info      cart.loaded   user=u-1 items=2",
        "14:13:20.250  payments  error     http.request  POST /charges 500 200.0 ms ChargeFailed",
        "      ChargeFailed: may be paid",
        "        pay.py:7 in charge    raise ChargeFailed",
        "      caused by TimeoutError: bank",
    ]


def test_story_that_passes_midnight_says_so():
    days = [
        {"timestamp": f"2026-09-2{n}T23:59:59Z", "service": "s", "level": "info", "event": "e"}
        for n in (1, 2)
    ]
    assert [line for line in render_story(days) if line.startswith("--")] == [
        "-- 2026-09-21 UTC",
        "-- 2026-09-22 UTC",
    ]


@pytest.mark.parametrize("hostile", ["\r\n", "\x1b[2J", "\u202e", "\t", "\x00", "\x85", "\u2028"])
def test_what_could_move_the_cursor_is_made_visible_and_stays_on_one_line(hostile):
    event = {
        **STORY[0],
        "message": f"a{hostile}b",
        "service": f"s{hostile}",
        "odd": hostile,
        "correlation_id": hostile,
    }
    event["exception"] = [
        {"type": f"E{hostile}", "value": hostile, "frames": [{"filename": hostile, "function": hostile}]}
    ]
    for line in render_story([event]):
        assert line.isprintable()
    assert hostile.encode("unicode_escape").decode() in "".join(render_story([event]))


@pytest.mark.parametrize("odd", [None, 7, "x", [], {}, [None], [{"frames": 7}], [{"frames": [None]}]])
def test_odd_shapes_never_break_the_page(odd):
    for key in STORY[1]:
        assert [*render_story([{**STORY[1], key: odd}])]


@pytest.mark.parametrize("digits", ["1e999", "9" * 400, "9" * 5000, "9" * 308])
def test_a_number_beyond_every_range_never_breaks_the_page(digits):
    line = json.dumps(STORY[1]).replace("0.2", digits).encode()
    assert len([*render_story([read_object(line)])]) == 6


def test_a_timestamp_in_lower_case_is_a_time():
    event = {**STORY[0], "timestamp": "2026-09-21t14:13:20z"}
    assert [*render_story([event])][2].startswith("14:13:20.000  shop")


def test_colour_marks_levels_only_where_it_is_asked_for():
    assert "\x1b[31m" in "".join(render_story(STORY, colour=True))
    assert "\x1b" not in "".join(render_story(STORY))


def test_nothing_renders_as_nothing():
    assert [*render_story([])] == []
    assert json.dumps([*render_story(STORY)]).isascii()

import json
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logweir_service.event import StoredEvent
from logweir_service.find import Look, render_rows, render_story, timeline
from logweir_service.find.story.look import columns

from .stories import EXAMPLE, event, odd_events, raising, span, stored

FRAMES = [
    {"filename": "site-packages/x.py", "lineno": 1, "function": "run", "in_app": False},
    {
        "filename": "pay.py",
        "lineno": 7,
        "function": "charge",
        "in_app": True,
        "context_line": "  raise ChargeFailed",
    },
]
FAILED = span(
    *(0.01, 0.21, "served", "call", "payments"),
    name="http.request",
    level="error",
    http_request_method="POST",
    http_route="/charges",
    http_response_status_code=500,
    error_type="ChargeFailed",
    error_id="x1",
    exception=[
        {"type": "ChargeFailed", "value": "may be paid", "frames": FRAMES},
        {"type": "TimeoutError", "value": "bank", "relation": "cause", "frames": []},
    ],
)
STORY = [
    event(0.001, "cart.loaded", user_id="u-1", items=2, nested={"not": "shown"}),
    span(0.005, 0.25, "call", name="external.call", peer_service="payments", level="warning"),
    FAILED,
    event(3.5, "gave.up", level="error", exception=raising("ValueError", "late")),
]
ANSI = re.compile(r"\x1b\[[0-9;]*m")


def rendered(*events, **look):
    return [*render_story(timeline(stored(*events)), Look(**look))]


def test_story_shows_its_error_first_and_then_what_happened_in_order_by_span():
    assert rendered(*STORY) == [
        "c1: 4 events, 2 errors, 2 services (shop, payments)",
        "2026-09-21 14:13:20.001 UTC, 3.50 s, user u-1",
        "",
        "error in payments after 209 ms: http.request  POST /charges 500 ChargeFailed",
        "  ChargeFailed: may be paid",
        "    pay.py:7 in charge    raise ChargeFailed",
        "  caused by TimeoutError: bank",
        "",
        "  14:13:20.001           shop      info     cart.loaded     items=2",
        "  14:13:20.005   245 ms  shop      warning  external.call   -> payments",
        "> 14:13:20.010   200 ms  payments  error      http.request  POST /charges 500 ChargeFailed",
        "      ... 3.29 s ...",
        "! 14:13:23.500           shop      error    gave.up",
        "      ValueError: late",
        "        app.py:3 in f    raise",
    ]


def test_narrow_terminal_gets_short_levels_and_lines_that_fit():
    lines = rendered(*STORY, width=60)
    assert lines[:2] == ["c1", "4 events, 2 errors, 2 services (shop, payments)"]
    assert "> 14:13:20.010   200 ms  payments  ERR    http.request  P..." in lines
    assert max(map(len, lines)) <= 60


@pytest.mark.parametrize("width", [1, 2, 3, 20, 80, 109, 110, 149, 150, 200])
@pytest.mark.parametrize("colour", [True, False])
def test_no_line_is_wider_than_the_terminal(width, colour):
    wide = event(1, "wide", message="漢字かな" * 60, level="critical")
    for line in rendered(*STORY, wide, width=width, colour=colour):
        shown = ANSI.sub("", line)
        assert len(shown) + sum(character in "漢字かな" for character in shown) <= width


def test_wide_terminal_shows_when_each_row_began_and_how_long_it_took():
    lines = rendered(span(0, 10, "all"), span(5, 10, "half", "all"), event(10, "last"), width=160)
    bars = [line[25:55] for line in lines[3:] if "..." not in line]
    assert bars == ["=" * 30, " " * 15 + "=" * 15, " " * 29 + "."]


def test_an_exception_that_was_shown_is_not_shown_again():
    again = event(0.3, "logged", level="error", error_id="x1", exception=FAILED["exception"])
    assert sum("may be paid" in line for line in rendered(FAILED, again)) == 1


def test_long_story_shows_with_the_error_what_came_before_it():
    noise = [event(number, f"n{number}") for number in range(20)]
    lines = rendered(*noise, event(15.5, "broke", level="error"), event(16.5, "after"))
    begin = lines.index("  before it:")
    assert [line.split()[-1] for line in lines[begin + 1 : begin + 6]] == ["n11", "n12", "n13", "n14", "n15"]
    assert lines[begin + 6] == ""


def test_what_is_longer_than_the_screen_ends_with_what_it_began_with():
    story = timeline(stored(*STORY))
    short = [*render_story(story, rows_on_screen=50)]
    long = [*render_story(story, rows_on_screen=10)]
    assert long[: len(short)] == short
    assert long[len(short) + 1 :] == short[:8]


def test_clock_that_seems_wrong_is_told():
    call = span(0, 0.3, "call", name="external.call", span_kind="client")
    served = span(5.1, 5.2, "served", "call", "payments", span_kind="server")
    told = "the clock of payments seems to be 5.00 s ahead: its times are shown as it tells them"
    assert told in rendered(call, served)


def test_story_that_passes_midnight_says_so():
    days = [{**event(0), "timestamp": f"2026-09-2{n}T23:59:59Z"} for n in (1, 2)]
    assert [line for line in rendered(*days) if line.startswith("--")] == ["-- 2026-09-22 UTC"]


def test_users_are_told_apart_where_there_are_several():
    lines = rendered(event(0, "a", user_id="u1"), event(1, "b", user_id="u2"))
    assert lines[1].endswith("users u1, u2")
    assert lines[-1].endswith("b  user=u2")


def test_great_depth_is_told_in_figures():
    deep = [span(0, 1, f"s{number}", f"s{number - 1}") for number in range(1, 15)]
    assert "(13) s14" in rendered(*deep)[-1]


def test_texts_with_line_breaks_are_shown_as_lines():
    text = event(0, "old", level="error", exception_text="Traceback:\n  File x\nValueError: \x1b[2J")
    assert rendered(text)[4:7] == ["  Traceback:", "    File x", "  ValueError: \\x1b[2J"]
    slow = event(0, "slow", profile="0.9 s main\n  0.8 s inner")
    assert rendered(slow)[-2:] == ["      0.9 s main", "        0.8 s inner"]


@pytest.mark.fault(38)
@pytest.mark.parametrize("hostile", ["\r\n", "\x1b[2J", "\u202e", "\t", "\x00", "\x85", "\u2028"])
def test_what_could_move_the_cursor_is_made_visible_and_stays_on_one_line(hostile):
    odd = {
        **STORY[0],
        "message": f"a{hostile}b",
        "service": f"s{hostile}",
        "level": f"l{hostile}",
        "event": f"e{hostile}",
        "user_id": f"u{hostile}",
        f"odd{hostile}": hostile,
        "correlation_id": f"c{hostile}",
    }
    frame = {"filename": hostile, "function": hostile, "lineno": hostile, "context_line": f"x{hostile}y"}
    odd["exception"] = [{"type": f"E{hostile}", "value": hostile, "frames": [frame]}]
    calm = {**odd, "exception": raising(), "message": "", "service": "s", "level": "info", "event": "e"}
    lines = rendered(odd)
    for line in lines:
        assert line.isprintable()
    assert len(lines) == len(rendered({**calm, "user_id": "u", "odd": "", "correlation_id": "c"}))
    assert f"a{hostile.encode('unicode_escape').decode()}b" in "".join(lines)


@pytest.mark.parametrize("odd", [None, 7, "x", [], {}, [None], [{"frames": 7}], [{"frames": [None]}]])
def test_odd_shapes_never_break_the_page(odd):
    for key in FAILED:
        assert rendered({**FAILED, key: odd})


@pytest.mark.parametrize("digits", ["1e999", "9" * 400, "9" * 5000, "9" * 308])
def test_a_number_beyond_every_range_never_breaks_the_page(digits):
    line = json.dumps(FAILED).replace('"duration_seconds": 0.2', f'"duration_seconds": {digits}')
    assert len(rendered(line.encode())) == 9


def test_colour_marks_levels_only_where_it_is_asked_for():
    assert "\x1b[1;31m" in "".join(rendered(*STORY, colour=True))
    assert "\x1b" not in "".join(rendered(*STORY))
    assert [ANSI.sub("", line) for line in rendered(*STORY, colour=True)] == rendered(*STORY)


def test_rows_alone_are_what_a_story_goes_on_with():
    assert [*render_rows(timeline(stored(STORY[0])))] == [
        "  14:13:20.001           shop  info  cart.loaded  items=2"
    ]


def test_new_rows_of_a_story_stand_as_deep_as_in_the_whole_of_it():
    story = timeline(stored(*STORY))
    assert [*render_rows(story, only={(3, 0)})] == [
        "> 14:13:20.010   200 ms  payments  error      http.request  POST /charges 500 ChargeFailed",
        "      ChargeFailed: may be paid",
        "        pay.py:7 in charge    raise ChargeFailed",
        "      caused by TimeoutError: bank",
    ]


@pytest.mark.fault(38)
def test_a_story_of_another_id_than_its_correlation_id_says_so_and_names_those_that_it_holds():
    story = timeline(stored(event(0, "a"), {**event(1, "b"), "correlation_id": "c2"}))
    lines = [*render_story(story, title="user u\x1b7")]
    assert lines[0] == "user u\\x1b7: 2 events, 0 errors, 1 service (shop)"
    assert [line.split()[-1] for line in lines if "shop  info" in line] == ["c1", "c2"]


@pytest.mark.fault(38)
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(odd_events | st.binary(max_size=20), max_size=6), st.integers(1, 200), st.booleans())
def test_whatever_events_hold_every_line_is_visible_and_fits(lines, width, colour):
    story = timeline([StoredEvent(lsn, 0, 0.0, line) for lsn, line in enumerate(lines)])
    for line in render_story(story, Look(colour=colour, width=width), rows_on_screen=3):
        shown = ANSI.sub("", line)
        assert shown.isprintable()
        assert columns(shown) <= width


def test_nothing_renders_as_nothing():
    assert rendered() == []


def test_the_example_of_the_documentation_is_what_is_printed():
    page = Path(__file__).parents[4] / "docs" / "stories.md"
    assert "```\n" + "\n".join(rendered(*EXAMPLE)) + "\n```" in page.read_text()


def test_a_story_of_one_moment_took_no_time_to_be_told():
    assert rendered(event(3))[1].endswith(" UTC")

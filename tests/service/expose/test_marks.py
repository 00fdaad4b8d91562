from __future__ import annotations

import pytest

from logweir_service.expose.pages.marks import after, breakable, duration


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.0004, "0.4 ms"), (1.254, "1.25 s"), (54.0, "54.0 s"), (54, "54 s"), (0, "0 s"), (125, "2 min 5 s")],
)
def test_a_duration_is_told_as_exactly_as_it_is_known(seconds, told):
    assert duration(seconds).replace("\N{NARROW NO-BREAK SPACE}", " ") == told


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "+0.000 s"), (59.999, "+59.999 s"), (59.9996, "+1:00.000"), (119.24, "+1:59.240")],
)
def test_moments_of_a_long_story_differ_where_events_do(seconds, told):
    assert after(seconds).replace("\N{NARROW NO-BREAK SPACE}", " ") == told


def test_a_metrics_name_is_broken_behind_underscores_alone():
    assert breakable("db_query_seconds") == "db_<wbr>query_<wbr>seconds"
    assert breakable("<b>_") == "&lt;b&gt;_<wbr>"

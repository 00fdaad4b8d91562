from datetime import UTC, datetime, timedelta

import pytest

from logweir_service.find.query.times import read_time

NOW = datetime(2026, 11, 21, 13, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "back"),
    [
        ("90s", timedelta(seconds=90)),
        ("15m", timedelta(minutes=15)),
        ("1h", timedelta(hours=1)),
        ("7d", timedelta(days=7)),
        ("2w", timedelta(weeks=2)),
        ("0s", timedelta()),
        ("2026-11-21T12:05:00Z", timedelta(hours=1)),
        ("2026-11-21T12:05:00.5Z", timedelta(minutes=59, seconds=59.5)),
        ("2026-11-21T14:05:00+02:00", timedelta(hours=1)),
        ("2026-11-21T14:05:00 02:00", timedelta(hours=1)),
    ],
)
def test_a_moment_is_an_age_or_rfc_3339(text, back):
    assert read_time(text, now=NOW) == NOW - back


NONE = ["", "1", "h", "1y", "-1h", "1.5h", "2026-11-21", "2026-11-21T12:05:00", "now"]


@pytest.mark.parametrize("text", NONE)
def test_anything_else_is_refused_with_how_it_is_written(text):
    with pytest.raises(ValueError, match=r"15m, 1h, 7d, or 2026-11-21T13:05:00Z"):
        read_time(text, now=NOW)


def test_an_age_before_all_time_is_refused():
    with pytest.raises(ValueError, match="before all time"):
        read_time("9999999w", now=NOW)

"""``logweir events`` on a folder; ``tests/end_to_end/test_search.py`` asks a service."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from logweir_service.cli import events, main
from logweir_service.event import StoredEvent
from logweir_service.find import Looked, Place
from logweir_service.journal import DataFolder
from tests.service.journal.written import commit, opened

NOW = datetime.now(UTC)


def line(number, **more):
    at = NOW - timedelta(hours=10 - number)
    members = {"timestamp": at.isoformat(), "level": "info", "service": "shop", "event": "order.placed"}
    return json.dumps({**members, "correlation_id": f"c-{number}", "n": number, **more}).encode()


@pytest.fixture
def data(tmp_path):
    """A folder with an event for each of the last ten hours."""
    with opened(DataFolder(tmp_path / "data"), max_segment_bytes=500) as (journal, _, _):
        for number in range(9):
            commit(journal, [line(number)], received=(NOW - timedelta(hours=10 - number)).timestamp())
        commit(
            journal, [line(9, level="error", service="pay", message="two\nwords")], received=NOW.timestamp()
        )
    return tmp_path / "data"


def run(capsys, *arguments):
    """The exit code, and what was written to stdout and stderr."""
    with pytest.raises(SystemExit) as ended:
        main(["events", *map(str, arguments)])
    return ended.value.code, *capsys.readouterr()


def numbers(out):
    return [json.loads(line)["n"] for line in out.splitlines()]


def test_events_come_oldest_first_one_line_each(capsys, data):
    code, out, err = run(capsys, "--data", data, "--since", "150m")
    days = {f"-- {NOW - timedelta(hours=hours):%Y-%m-%d} UTC" for hours in (1, 2)}
    assert (code, err) == (0, "")
    info, error = (line for line in out.splitlines() if line not in days)
    assert info.split()[1:] == ["shop", "info", "order.placed", "n=8", "c-8"]
    assert error.split()[0] == "!"
    assert error.split()[2:] == ["pay", "error", "order.placed", "two\\nwords", "n=9", "c-9"]


def test_reversed_they_come_newest_first(capsys, data):
    assert numbers(run(capsys, "--data", data, "--json")[1]) == [*range(10)]
    assert numbers(run(capsys, "--data", data, "--json", "--reverse")[1]) == [*reversed(range(10))]


def test_json_is_what_is_stored_byte_for_byte(capsysbinary, data):
    with pytest.raises(SystemExit):
        main(["events", "service:pay", "--json", "--data", str(data)])
    stored = b"".join(path.read_bytes() for path in sorted((data / "journal").glob("*.ndjson")))
    assert capsysbinary.readouterr().out in stored


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["level:error"], [9]),
        (["service:shop -n:8", "--since", "200m"], [7]),
        (["--since", "2w", "--", "-service:shop"], [9]),
        (["--where", 'level == "error"'], [9]),
        (["service:shop", "--where", "n > 6"], [7, 8]),
        (["--until", "500m"], [0, 1]),
        (['message:"two words" two'], None),
        (['"two" words'], [9]),
    ],
)
def test_words_conditions_and_times_select(capsys, data, arguments, expected):
    code, out, err = run(capsys, "--data", data, "--json", *arguments)
    if expected is None:
        assert (code, out, err) == (1, "", "logweir: no such event is stored\n")
    else:
        assert (code, numbers(out)) == (0, expected)


def test_a_single_event_that_is_shown_is_one(capsys, data):
    assert "the newest event is shown; for those before" in run(capsys, "--data", data, "--limit", 1)[2]


def test_what_is_left_out_is_told_and_can_be_gone_on_with(capsys, data):
    found: list[int] = []
    before: list[str] = []
    while True:
        code, out, err = run(capsys, "--data", data, "--json", "--limit", 4, *before)
        assert code == 0
        found = numbers(out) + found
        if not err:
            break
        assert err.startswith("logweir: the newest 4 events are shown; for those before add --before ")
        before = ["--before", err.split()[-1]]
    assert found == [*range(10)]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["level:eror"], "a level is one of"),
        (["--where", "open(1)"], "where may not call 'open'"),
        (["--since", "yesterday"], "15m, 1h, 7d"),
        (["--limit", "0"], "1 or more"),
        (["--before", "x%s"], "none that was handed out"),
    ],
)
def test_wrong_usage_is_told_in_one_line_and_exits_64(capsys, data, arguments, told):
    code, out, err = run(capsys, "--data", data, *arguments)
    assert (code, out) == (64, "")
    assert told in err.splitlines()[-1]


def test_a_folder_of_nobody_is_named(capsys, tmp_path):
    code, _, err = run(capsys, "--data", tmp_path)
    assert code == 78
    assert str(tmp_path) in err


def test_an_interrupt_shows_what_was_found_until_then(capsys, data, monkeypatch):
    def interrupted(folder, wanted):
        yield StoredEvent(9, 0, 0.0, line(8))
        yield StoredEvent(8, 0, 0.0, line(7))
        yield Looked(2, 100, 0.0, 0.5, Place(8, 0))
        raise KeyboardInterrupt

    monkeypatch.setattr(events, "_scanned", interrupted)
    code, out, err = run(capsys, "--data", data, "--json")
    assert (code, numbers(out)) == (130, [7, 8])
    assert err == "logweir: the newest 2 events are shown; for those before add --before 8:0\n"


def test_control_characters_of_an_event_stay_on_its_line(capsys, tmp_path):
    hostile = {
        "service": "a\x1b[31m",
        "event": "b\r\nc",
        "message": "\u202etxt\x00",
        "correlation_id": "\x1b]0;x",
    }
    with opened(DataFolder(tmp_path / "data")) as (journal, _, _):
        commit(journal, [line(1, **hostile)])
    _, out, _ = run(capsys, "--data", tmp_path / "data")
    assert len(out.splitlines()) == 2
    assert out.replace("\n", "").isprintable()

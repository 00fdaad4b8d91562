import gzip
import json
import os
import pty
import re
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from .live import LiveService

IDS = [f"{number:032x}" for number in range(0xA0, 0xA3)]
ODD = "a\r\nb\x1b[2J\u202e\x9b\t\0\U000e0041"


def batch(number):
    """Events of all stories; their names tell them apart."""
    events = [
        {"event": f"step.{number}.{place}", "service": "shop", "level": "info", "correlation_id": each}
        for place in range(3)
        for each in IDS
    ]
    return b"\n".join(json.dumps(event).encode() for event in events)


def logweir(*arguments, **environment):
    """What the command prints, and its exit code."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("LOGWEIR_")}
    command = [sys.executable, "-m", "logweir_service", *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, env=clean | environment, timeout=60)


def shell(command, folder):
    """What a person gets who types this in a folder."""
    return subprocess.run(
        ["sh", "-c", command], check=False, capture_output=True, cwd=folder, timeout=60
    ).stdout


@pytest.mark.needs("grep")
@pytest.mark.needs("zstdgrep")
def test_plain_grep_gives_the_same_events_in_plain_and_in_compacted_segments(tmp_path):
    data = tmp_path / "data"
    with LiveService(data, environment={"LOGWEIR_COMPACT_AFTER_HOURS": "0"}) as service:
        assert [service.post(batch(number)).status for number in range(4)] == [200] * 4
        fill_a_segment(service)
        wait_until(lambda: goes_on(service) and [*(data / "journal").glob("*.zst")])
        assert [service.post(batch(number)).status for number in range(4, 7)] == [200] * 3
        for each in IDS:
            told = logweir("grep", each, "--json", "--data", data).stdout.splitlines()
            asked = logweir("grep", each, "--json", "--url", service.url).stdout.splitlines()
            plain = shell(f"grep -h {each} data/journal/*.ndjson", tmp_path).splitlines()
            packed = shell(f"zstdgrep -h {each} data/journal/*.zst", tmp_path).splitlines()
            every = shell(f"zstdgrep -h {each} data/journal/*", tmp_path).splitlines()
            assert len(told) == 21
            assert (len(plain), len(packed)) == (9, 12)
            assert sorted(told) == sorted(asked) == sorted(plain + packed) == sorted(every)


def fill_a_segment(service):
    """Store so much that the next segment begins."""
    long = {"event": "fill", "service": "shop", "level": "info", "text": "lorem ipsum " * 16_000}
    body = gzip.compress(b"\n".join([json.dumps(long).encode()] * 60), 1)
    for _ in range(7):
        assert service.post(body, Content_Encoding="gzip").json()["accepted"] == 60


def goes_on(service):
    """Store a little, so that checkpoints are written, behind both of which a segment is compacted."""
    tick = {"event": "tick", "service": "shop", "level": "info"}
    return service.post(json.dumps(tick).encode()).status == 200


def wait_until(holds):
    deadline = time.monotonic() + 90
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def on_terminal(command, columns, lines=200):
    """What a terminal of this size gets to see."""
    owner, terminal = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(columns), "LINES": str(lines), "TERM": "xterm"}
    environment.pop("NO_COLOR", None)
    with subprocess.Popen(command, stdout=terminal, env=environment):
        os.close(terminal)
        shown = b""
        while chunk := _read(owner):
            shown += chunk
    os.close(owner)
    return shown.decode().split("\r\n")


def _read(file):
    try:
        return os.read(file, 65536)
    except OSError:  # as a terminal ends whose other side is closed
        return b""


@pytest.mark.fault(38)
def test_nothing_in_an_event_moves_the_cursor_or_adds_a_line(tmp_path):
    calm = {"event": "odd", "service": "shop", "level": "error", "correlation_id": "odd-1"}
    frame = {"filename": ODD, "lineno": ODD, "function": ODD, "in_app": True, "context_line": f"x{ODD}x"}
    odd: dict[str, Any] = {**calm, "message": ODD, "user_id": ODD, f"own{ODD}": ODD, "outcome": ODD}
    odd |= {"exception": [{"type": ODD, "value": ODD, "frames": [frame], "relation": ODD}]}
    command = [sys.executable, "-m", "logweir_service", "grep", "odd-1"]
    with LiveService(tmp_path / "data") as service:
        assert service.post(json.dumps(odd).encode()).json()["accepted"] == 1
        before = len(service.log)
        for place in (["--data", service.data], ["--url", service.url]):
            lines = logweir(*command[3:], *place).stdout.decode().split("\n")
            assert (len(lines), lines[-1]) == (9, "")
            assert all(line.isprintable() for line in lines)
            assert "a\\r\\nb\\x1b[2J\\u202e\\x9b\\t\\x00\\U000e0041" in lines[3]
            seen = on_terminal([*command, *map(str, place)], 70)
            assert len(seen) == len(lines) + 1  # the id has a line of its own where there is little room
            bare = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in seen]
            assert all(line.isprintable() and len(line) <= 70 for line in bare)
        raw = logweir(*command[3:], "--json", "--data", service.data).stdout
        assert (raw.count(b"\n"), json.loads(raw)["message"]) == (1, ODD)
        assert not set(raw) & {*b"\r\t\0\x1b"}
        [seen] = on_terminal([*command, "--json", "--data", str(service.data)], 70)[:-1]
        assert seen.isprintable()
        assert json.loads(seen) == json.loads(raw)
        service.get("/c/a%0d%0ab%1b[2J%e2%80%ae.json")
        unknown = logweir("grep", "a\r\nb\x1b[2J\u202e", "--url", service.url)
        assert (unknown.returncode, unknown.stdout) == (1, b"")
        assert unknown.stderr.decode().rstrip("\n").isprintable()
    assert all(line.isprintable() for line in service.log[before:])


def test_a_story_reaches_a_terminal_in_colour_unless_that_is_refused(tmp_path):
    with LiveService(tmp_path / "data") as service:
        service.post(batch(0))
    command = [sys.executable, "-m", "logweir_service", "grep", IDS[0], "--data", str(service.data)]
    assert "\x1b[" in "".join(on_terminal(command, 80))
    assert "\x1b[" not in "".join(on_terminal(["env", "NO_COLOR=1", *command], 80))
    assert "\x1b[" not in "".join(on_terminal(["env", "TERM=dumb", *command], 80))
    assert "\x1b[" not in "".join(on_terminal([*command, "--color=never"], 80))
    assert b"\x1b[" not in logweir(*command[3:]).stdout
    assert b"\x1b[" in logweir(*command[3:], "--color=always", NO_COLOR="1").stdout
    assert max(map(len, on_terminal([*command, "--color=never"], 40))) <= 40
    short, long = (on_terminal(command, 80, lines=lines) for lines in (50, 3))
    assert long[: len(short) - 1] == short[:-1]
    assert long[len(short)] == short[0]
    assert max(map(len, on_terminal([*command, "--color=never", "--wide"], 40))) > 40


@pytest.fixture
def busy(tmp_path):
    """A service with 2,300 events of one user in two stories, and others."""
    with LiveService(tmp_path / "data") as service:
        begin = datetime(2026, 11, 21, tzinfo=UTC)
        events = [
            {
                "event": f"n{number}",
                "service": "shop",
                "level": "info",
                "timestamp": (begin + timedelta(seconds=number)).isoformat(),
                "correlation_id": f"c{number % 2}",
                "trace_id": "t1",
                "event_id": f"e{number}",
                "user_id": "u1",
            }
            for number in range(2_300)
        ]
        other = {
            "event": "other",
            "service": "shop",
            "level": "info",
            "user_id": "u2",
            "correlation_id": "c9",
        }
        lines = [json.dumps(event).encode() for event in reversed([*events, other])]
        for place in range(0, len(lines), 700):
            assert service.post(b"\n".join(lines[place : place + 700])).json()["rejected_count"] == 0
        yield service


@pytest.mark.fault(50)
def test_long_stories_come_whole_from_a_service_by_any_of_their_ids(busy):
    for arguments, numbers in {
        ("--user-id", "u1"): range(2_300),
        ("t1",): range(2_300),
        ("c1",): range(1, 2_300, 2),
        ("e7",): [7],
        ("--event-id", "e2299"): [2299],
        ("--trace-id", "t1", "--limit", "1500"): range(1_500),
        ("c0", "--since", "2026-11-21T00:10:00Z", "--until", "2026-11-21T00:11:00Z"): range(600, 660, 2),
        ("u1",): [],
        ("--user-id", "u"): [],
    }.items():
        for place in (["--url", busy.url], ["--data", busy.data]):
            answer = logweir("grep", *arguments, "--json", *place)
            found = [json.loads(line)["event"] for line in answer.stdout.splitlines()]
            assert found == [f"n{number}" for number in numbers], arguments
            assert answer.returncode == (0 if numbers else 1)


@pytest.mark.fault(50)
def test_a_story_as_data_comes_in_pages_that_miss_nothing(busy):
    for form in ("json", "ndjson"):
        found, cursor = [], ""
        while True:
            answer = busy.get(f"/c/c1.{form}?limit=500{cursor and f'&cursor={cursor}'}")
            assert answer.status == 200
            if form == "json":
                found += [event["event"] for event in answer.json()["events"]]
                cursor = answer.json()["next"]
            else:
                found += [json.loads(line)["event"] for line in answer.data.splitlines()]
                cursor = answer.headers.get("Logweir-Next")
            if not cursor:
                break
        assert found == [f"n{number}" for number in range(1, 2_300, 2)]
    assert busy.get("/c/c1.json?cursor=x").json()["error"] == "invalid_request"
    assert busy.get("/c/c.json").status == busy.get("/c/%25.json").status == 404

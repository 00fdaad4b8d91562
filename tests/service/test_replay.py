"""``logweir replay``: two sets of rules over the stored events of a folder."""

from __future__ import annotations

import io
import json
import time
from datetime import UTC, datetime

import pytest

from logweir_service.cli.progress import Progress
from logweir_service.journal import (
    DataFolder,
    History,
    Journal,
    crc32,
    joined,
    put_in_place,
    rewrite,
    segments,
)
from logweir_service.pipeline import Delivery, Replay, differences
from logweir_service.rules import load
from logweir_service.settings import Settings
from tests.service.pipeline.living import STREAM, exposed, living

from .test_cli import run

OLD = """version: 1
metrics:
  - {name: orders_total, type: counter, event: order.placed, labels: {channel: channel}}
  - {name: value_eur_total, type: counter, event: order.placed, add: total}
  - {name: queue, type: gauge, event: order.queue, set: depth, across: sum}
  - {name: busy, type: gauge, pair: {start: job.started, end: job.ended, key: job}}
"""
NEW = f"""{OLD.replace("{channel: channel}", "{way: channel}").replace("add: total", "add: net")}
  - {{name: wait_seconds, type: histogram, event: order.placed, observe: wait, buckets: [1]}}
"""


def line(**fields):
    always = {"event": "order.placed", "service": "shop", "level": "info"}
    return json.dumps(always | fields).encode() + b"\n"


def order(**fields):
    given = {"channel": "web", "total": 10, "net": 8.5, "wait": 0.5}
    return line(**given | {"timestamp": "2026-01-31T12:00:00Z"} | fields)


class Written:
    """A journal whose commits were received when the test says."""

    def __init__(self, folder, *, max_segment_bytes=1 << 20):
        self._journal = Journal(DataFolder(folder), max_segment_bytes=max_segment_bytes)
        self._journal.recover(lambda located, segment: None)

    def commit(self, received, *lines):
        group = self._journal.begin(received)
        text = b"".join(lines)
        self._journal.append(group, text, count=len(lines), lines_crc32=crc32(text))
        self._journal.write(group)
        self._journal.settle(group)

    def close(self):
        self._journal.close()


@pytest.fixture
def rules(tmp_path):
    for name, text in (("old", OLD), ("new", NEW)):
        (tmp_path / f"{name}.yaml").write_text(text)
    return ["--rules", tmp_path / "new.yaml", "--diff", tmp_path / "old.yaml", "--data", tmp_path / "data"]


@pytest.fixture
def now():
    return round(time.time(), 6)


def test_events_that_were_removed_are_told_and_count_under_neither(capsys, tmp_path, rules, now):
    written = Written(tmp_path / "data", max_segment_bytes=100)
    written.commit(now - 60, order(), order(), order())
    written.commit(now - 30, order())
    written.close()
    folder = DataFolder(tmp_path / "data")
    first = segments(folder.journal)[0]

    def without_two(located):
        return joined([located.lines.split(b"\n")[0], b"", b""])

    rewrite(folder.disk, first, folder.identify(), edit=without_two, due=0.0)
    put_in_place(folder.disk, first, sidecar=tmp_path / "none")
    code, out, err = run(capsys, "replay", *rules)
    assert (code, out.splitlines()[0][:8]) == (0, "2 events")
    assert err == "logweir: 2 stored events were removed by store rules or erased, and count under neither\n"
    assert json.loads(run(capsys, "replay", "--json", *rules)[1])["removed_events"] == 2


def test_series_that_change_are_told_and_the_others_counted(capsys, tmp_path, rules, now):
    written = Written(tmp_path / "data")
    written.commit(now - 60, order(), order())
    written.commit(now - 30, order(net=-1))
    written.close()
    code, out, err = run(capsys, "replay", *rules)
    first, *changes, last = out.splitlines()
    assert (code, err) == (0, "")
    assert first.startswith("3 events from ")
    assert changes == [
        '+ orders_total{way="web"} 3',
        "~ value_eur_total 30 -> 17",
        '+ wait_seconds_bucket{le="1.0"} 3',
        '+ wait_seconds_bucket{le="+Inf"} 3',
        "+ wait_seconds_sum 1.5",
        "+ wait_seconds_count 3",
        '+ logweir_rule_skipped_total{rule="value_eur_total",reason="negative"} 1',
        '- orders_total{channel="web"} 3',
    ]
    assert last == "6 samples come, 1 go, 1 differ, 0 are the same"


def test_same_rules_make_no_difference(capsys, tmp_path, rules, now):
    written = Written(tmp_path / "data")
    written.commit(now - 60, order())
    written.close()
    code, out, _ = run(capsys, "replay", "--rules", tmp_path / "old.yaml", *rules[2:])
    assert code == 0
    assert out.splitlines()[1:] == ["0 samples come, 0 go, 0 differ, 2 are the same"]


def test_programs_read_every_difference(capsys, tmp_path, rules, now):
    written = Written(tmp_path / "data")
    written.commit(now - 60, order())
    written.close()
    code, out, _ = run(capsys, "replay", *rules, "--json")
    told = json.loads(out)
    assert (code, len(out.splitlines()), told["events"]) == (0, 1, 1)
    assert {"sample": "value_eur_total", "before": 10.0, "after": 8.5} in told["differences"]
    assert {"sample": 'orders_total{channel="web"}', "before": 1.0, "after": None} in told["differences"]


@pytest.mark.parametrize("max_segment_bytes", [1, 1 << 20])
@pytest.mark.parametrize("since", ["2026-01-01", "1h"])
def test_batches_that_are_damaged_are_told_and_the_others_counted(
    capsys, tmp_path, rules, now, max_segment_bytes, since
):
    written = Written(tmp_path / "data", max_segment_bytes=max_segment_bytes)
    for back in (9000, 8000, 60, 50, 40):
        written.commit(now - back, order(mark=f"m{back}"))
    written.close()
    for damaged in (b"m8000", b"m50"):
        for path in (tmp_path / "data" / "journal").iterdir():
            path.write_bytes(path.read_bytes().replace(damaged, damaged.upper()))
    code, out, err = run(capsys, "replay", *rules, "--since", since, "--json")
    told = json.loads(out)
    assert (code, told["events"]) == (0, 2 if since == "1h" else 3)
    assert told["missing_commits"] == 2  # nobody knows when the first of them was received
    assert err == "logweir: 2 stored batches are damaged or gone, and count under neither\n"


@pytest.mark.parametrize("max_segment_bytes", [1, 600, 1 << 20])
@pytest.mark.parametrize("back_seconds", [45, 0.5, 1000, 50])
def test_only_what_was_received_since_then_is_counted(
    capsys, tmp_path, rules, max_segment_bytes, back_seconds
):
    written = Written(tmp_path / "data", max_segment_bytes=max_segment_bytes)
    start = 1_790_000_000.0
    for second in range(0, 100, 10):
        written.commit(start + second, order())
    written.close()
    since = start + 100 - back_seconds
    expected = sum(start + second >= since for second in range(0, 100, 10))
    moment = datetime.fromtimestamp(since, UTC).isoformat()
    code, out, err = run(capsys, "replay", *rules, "--since", moment, "--json")
    if not expected:
        assert (code, out) == (1, "")
        assert "nothing was stored since" in err
    else:
        assert json.loads(out)["events"] == expected


@pytest.mark.parametrize(("text", "counted"), [("90s", 1), ("2m", 2), ("1h", 3), ("1.5h", 4), ("7d", 5)])
def test_since_takes_durations(capsys, tmp_path, rules, now, text, counted):
    written = Written(tmp_path / "data")
    for back in (86_400, 4000, 3000, 100, 60):
        written.commit(now - back, order())
    written.close()
    assert json.loads(run(capsys, "replay", *rules, "--since", text, "--json")[1])["events"] == counted


@pytest.mark.parametrize("text", ["yesterday", "24", "1w", "", "2026-13-01"])
def test_since_that_is_no_moment_is_wrong_usage(capsys, tmp_path, rules, text):
    code, _, err = run(capsys, "replay", *rules, "--since", text)
    assert code == 64
    assert "neither a duration" in err


def test_folder_of_nobody_and_broken_rules_are_named(capsys, tmp_path, rules):
    assert run(capsys, "replay", *rules)[0] == 78
    (tmp_path / "new.yaml").write_text("version: 2")
    code, _, err = run(capsys, "replay", *rules)
    assert (code, err) == (78, f"{tmp_path}/new.yaml:1: 'version: 1' is missing\n")


def test_folder_stays_as_it_is(capsys, tmp_path, rules, now):
    written = Written(tmp_path / "data")
    written.commit(now - 60, order())

    def held():
        return {path: path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file()}

    before = held()
    assert run(capsys, "replay", *rules)[0] == 0  # beside its owner, who holds the lock
    assert held() == before
    written.close()


def test_replay_of_everything_makes_the_numbers_that_the_service_had(tmp_path, rules):
    settings = Settings(LOGWEIR_DATA=tmp_path / "data", LOGWEIR_RULES=str(tmp_path / "old.yaml"))

    async def use(pipeline):
        jobs = [line(event="job.started", job=f"j{number}") for number in range(3)]
        jobs.append(line(event="job.ended", job="j0"))
        await pipeline.submit(Delivery(b"".join(jobs), stream=STREAM, seq=1))
        await pipeline.submit(Delivery(line(event="job.started", job="j9") + order()))
        await pipeline.submit(Delivery(line(event="order.queue", depth=4, service_instance_id="i1")))
        await pipeline.submit(Delivery(b'{"_closed":{}}\n', stream=STREAM, seq=5))
        names = ("orders_total", "value_eur_total", "queue", "busy")
        return {sample: value for name in names for sample, value in exposed(pipeline, name).items()}

    live = living(settings, use)
    same = load([tmp_path / "old.yaml"])
    replay = Replay(same, same)
    history = History(tmp_path / "data" / "journal", since=0.0)
    for located in history:
        replay.take(located)
    before, after = replay.samples()
    assert before == after == live
    assert live["busy"] == 1
    assert history.read_bytes == history.total_bytes
    assert [*differences(before, after)] == []


class Terminal(io.StringIO):
    def isatty(self):
        return True


def drawn(stream, *, step, parts=10):
    seconds = iter(range(1000))
    with Progress("reading", parts, stream=stream, ticks=lambda: next(seconds) * step) as progress:
        for done in range(1, parts + 1):
            progress(done)
    return stream.getvalue()


def test_bar_is_drawn_on_a_terminal_where_it_takes_long_and_is_gone_at_the_end():
    text = drawn(Terminal(), step=0.5)
    assert "reading [######........................]  20%, 4 s left" in text
    assert "100%, 0 s left" in text
    assert text.endswith("\r\x1b[K")


def test_no_bar_is_drawn_for_what_is_short_or_where_nobody_looks():
    assert drawn(Terminal(), step=0.05) == ""
    assert drawn(io.StringIO(), step=0.5) == ""

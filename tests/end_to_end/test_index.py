"""The index of a running service: it comes by itself, also again, and what is found stays the same."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from tests.end_to_end import small_segments
from tests.end_to_end.live import LiveService

_SECONDS = 60


def event(number: int) -> bytes:
    moment = f"2026-09-21T14:{number // 60:02}:{number % 60:02}Z"
    ids = {"correlation_id": f"c{number % 97}", "user_id": f"u{number % 3}"}
    fields = {"timestamp": moment, "event": "made", "service": "shop", "level": "info", "n": number}
    return json.dumps({**fields, **ids, "note": "x" * 400}).encode() + b"\n"


def value(live: LiveService, name: str) -> float:
    [line] = [
        line for line in live.get("/metrics").data.splitlines() if line.startswith(name.encode() + b" ")
    ]
    return float(line.split()[1])


def indexes(data: Path) -> list[Path]:
    return sorted((data / "index").glob("*.index"))


def wait(live: LiveService, count: int) -> None:
    end = time.monotonic() + _SECONDS
    while len(indexes(live.data)) < count or value(live, "logweir_index_missing_segments"):
        assert time.monotonic() < end, live.log
        time.sleep(0.1)


def story(live: LiveService, query: str) -> list[int]:
    answer: dict[str, Any] = json.loads(live.get(f"/v1/events?{query}").data)
    assert answer["partial"] is None
    return [each["n"] for each in answer["events"]]


def test_each_sealed_segment_gets_an_index_and_gets_it_back(tmp_path):
    with LiveService(tmp_path / "data", module=small_segments.__name__) as live:
        for start in range(0, 600, 50):
            assert live.post(b"".join(event(number) for number in range(start, start + 50))).status == 200
        sealed = len([*(live.data / "journal").glob("*.ndjson")]) - 1
        assert sealed > 2
        wait(live, sealed)
        expected = [number for number in range(600) if number % 97 == 5]
        assert story(live, "correlation_id=c5") == expected
        assert story(live, "user_id=u1&limit=1000") == [*range(1, 600, 3)]
        first, second, *_ = indexes(live.data)
        first.unlink()
        second.write_bytes(second.read_bytes()[:-5])
        assert story(live, "correlation_id=c5") == expected
        wait(live, sealed)
        assert first.exists()
        assert value(live, "logweir_index_failures_total") == 0
        live.stop()
        live.start()
        assert story(live, "correlation_id=c5") == expected

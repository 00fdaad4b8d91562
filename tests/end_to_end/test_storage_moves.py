"""Searches while retention and compaction remove and replace the segments under them."""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .live import LiveService

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_SECONDS = 10.0
_AT_MOST_SECONDS = 60.0
"""Until both retention and compaction have done something, on a machine that is busy with other things."""

_PER_STORY = 5
_COMPACTED = "logweir_compaction_segments_total"

RULES = 'version: 1\nstore: [{event: "work.noise", keep: never}]\n'


def story(number: int) -> bytes:
    """One story in one batch: five events that stay, and noise that goes when its segment is compacted."""
    dice = random.Random(number)  # what compresses to nothing would never be removed for its size
    common = {"service": "shop", "level": "info", "correlation_id": f"s-{number}", "user_id": f"u-{number}"}
    events: list[dict[str, Any]] = [
        {**common, "event": "work.done", "key": f"{number}.{step}", "message": dice.randbytes(90).hex()}
        for step in range(_PER_STORY)
    ]
    events.insert(2, {**common, "event": "work.noise", "message": "y" * 300})
    return b"".join(json.dumps(each).encode() + b"\n" for each in events)


def on_disk(data: Path) -> set[str]:
    """The keys of all events that stay, read with no code of the service."""
    found = set()
    for path in sorted((data / "journal").glob("*.ndjson*")):
        try:
            content = path.read_bytes()
        except FileNotFoundError:  # it went while we looked
            continue
        if path.suffix == ".tmp":
            continue
        text = zstd.decompress(content) if path.suffix == ".zst" else content
        for line in text.split(b"\n"):
            if b'"key"' in line and line.endswith(b"}"):
                found.add(json.loads(line)["key"])
    return found


class Searcher(threading.Thread):
    """Asks again and again, in one way, and notes what must not be."""

    def __init__(self, service: LiveService, sent: list[int], kind: str) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.answers = 0
        self.partial = 0
        self.finishing = threading.Event()
        self._service, self._sent, self._kind = service, sent, kind
        self._dice = random.Random(kind)

    def run(self) -> None:
        while not self.finishing.is_set() and len(self.faults) < 5:
            if self._kind == "search":
                self._search()
            else:
                self._story()
            time.sleep(0.02)

    def _story(self) -> None:
        number = self._dice.choice(self._sent[-200:])
        value = f"s-{number}" if self._kind == "correlation_id" else f"u-{number}"
        told = self._ask(f"/v1/events?{self._kind}={value}")
        keys = [each["key"] for each in told["events"] if "key" in each]
        wanted = {f"{number}.{step}" for step in range(_PER_STORY)}
        if len(keys) != len({*keys}):
            self.faults.append(f"{value}: told twice: {keys}")
        elif not told["partial"] and {*keys} != wanted and (keys or wanted & on_disk(self._service.data)):
            self.faults.append(f"{value}: {keys} of {_PER_STORY}, and not called partial")

    def _search(self) -> None:
        sent_before = {f"{number}.{step}" for number in self._sent for step in range(_PER_STORY)}
        pages = [*self._pages()]
        keys = [each["key"] for told in pages for each in told["events"]]
        if len(keys) != len({*keys}):
            self.faults.append("a search told events twice")
        if not any(told["partial"] for told in pages):
            missed = (sent_before & on_disk(self._service.data)) - {*keys}
            if missed:
                self.faults.append(f"a search missed {len(missed)}: {sorted(missed)[:3]}, not called partial")

    def _pages(self) -> Iterator[dict[str, Any]]:
        cursor = ""
        for _ in range(50):
            told = self._ask(f"/v1/search?q=event:work.done&limit=500{cursor}")
            yield told
            if not told["next"]:
                return
            cursor = f"&cursor={told['next']}"

    def _ask(self, path: str) -> dict[str, Any]:
        answer = self._service.get(path)
        self.answers += 1
        if answer.status != 200:
            self.faults.append(f"{path}: {answer.status} {answer.data[:200]!r}")
            return {"events": [], "next": None, "partial": "refused"}
        told: dict[str, Any] = json.loads(answer.data)
        self.partial += told["partial"] is not None
        return told


@pytest.mark.fault(16)
@pytest.mark.timeout(120)
def test_searches_are_complete_or_called_partial_while_segments_go_and_are_written_anew(tmp_path):
    (tmp_path / "rules.yaml").write_text(RULES)
    settings = {
        "LOGWEIR_COMPACT_AFTER_HOURS": "0",
        "LOGWEIR_CHECKPOINT_SECONDS": "0.1",
        "LOGWEIR_RETENTION_BYTES": "600000",
        "LOGWEIR_BALLAST_BYTES": "0",
        "LOGWEIR_MIN_FREE_BYTES": "0",
    }
    service = LiveService(
        tmp_path / "data",
        "--rules",
        f"packs,{tmp_path / 'rules.yaml'}",
        environment=settings,
        module="tests.end_to_end.small_segments",
    )
    with service:
        sent = [0]
        assert service.post(story(0)).status == 200
        kinds = ("correlation_id", "correlation_id", "user_id", "search")
        searchers = [Searcher(service, sent, kind) for kind in kinds]
        for searcher in searchers:
            searcher.start()
        begun = time.monotonic()
        while time.monotonic() < begun + _AT_MOST_SECONDS:
            if any(searcher.faults for searcher in searchers):
                break
            if time.monotonic() > begun + _SECONDS and sent[-1] % 50 == 0 and has_moved(service):
                break
            assert service.post(story(sent[-1] + 1)).status == 200
            sent.append(sent[-1] + 1)
            time.sleep(0.04)
        for searcher in searchers:
            searcher.finishing.set()
        for searcher in searchers:
            searcher.join(60)
        assert has_moved(service)
    assert [fault for searcher in searchers for fault in searcher.faults] == []
    assert all(searcher.answers > 5 for searcher in searchers)


def has_moved(service: LiveService) -> bool:
    """Whether segments were both compacted and removed."""
    metrics = service.get("/metrics").data.decode()
    removed = 'logweir_journal_segments_removed_total{reason="bytes"}'
    return removed in metrics and min(_value(metrics, removed), _value(metrics, _COMPACTED)) > 2


def _value(metrics: str, sample: str) -> float:
    (line,) = [line for line in metrics.splitlines() if line.startswith(f"{sample} ")]
    return float(line.rpartition(" ")[2])

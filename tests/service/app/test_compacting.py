"""Segments that a running service compacts by itself."""

import asyncio
import json
import logging
import shutil
import subprocess
import time
from functools import partial

import pytest

from logweir_service.app import compose, composition, running
from logweir_service.app.compacting import Compaction
from logweir_service.journal import Journal
from logweir_service.journal.segment import segments
from logweir_service.pipeline import Delivery
from logweir_service.settings import Settings
from tests.service.pipeline import living
from tests.service.pipeline.living import exposed, line, request

RULES = """version: 1
store:
  - {event: cache.*, keep: 0.3}
  - {event: db.query, keep: 2h}
  - {event: "*", level: debug, keep: never}
"""
HOUR = 3600.0

settled = partial(living.settled, seconds=90.0)
"""A child process takes a second to start on a busy machine, and there is one for each segment."""


@pytest.fixture
def settings(tmp_path, monkeypatch):
    (tmp_path / "rules.yaml").write_text(RULES)
    monkeypatch.setattr(composition, "Journal", partial(Journal, max_segment_bytes=20_000))
    return Settings(
        LOGWEIR_DATA=tmp_path / "data",
        LOGWEIR_RULES=f"packs,{tmp_path / 'rules.yaml'}",
        LOGWEIR_CHECKPOINT_SECONDS=0.05,
        LOGWEIR_BALLAST_BYTES=0,
        LOGWEIR_COMPACT_AFTER_HOURS=1e6,
    )


class Life:
    """A service whose clock is set by hand, and that compacts what is an hour old."""

    def __init__(self, service):
        self.service, self.pipeline = service, service.pipeline
        self.now = time.time()
        service.pipeline.clock = lambda: self.now
        self.compaction = Compaction(
            service, rules=lambda: service.rules, after_seconds=HOUR, look_seconds=0.05
        )

    async def send(self, *lines):
        await self.pipeline.submit(Delivery(b"".join(lines)))

    async def requests(self, count):
        for number in range(count):
            await self.send(*(story(f"c-{number}-{each}") for each in range(5)))

    def packed(self):
        return [each for each in segments(self.pipeline.journal.folder.journal) if each.is_packed]

    def value(self, name, **labels):
        return self.pipeline.telemetry.registry.get_sample_value(name, labels)

    async def hours_later(self):
        """Let an hour pass, and both checkpoints come behind all that was sent before."""
        for _ in range(2):
            await self.send(line(event="later"))  # so that no full segment is left open
        self.now += HOUR + 1
        for _ in range(2):
            await self.send(line(event="later"))
            lsn = self.pipeline.journal.last_lsn
            await settled(partial(self.has_saved, lsn))

    def has_saved(self, lsn):
        return self.pipeline.keeper.last_lsn >= lsn

    async def all_packed(self):
        known = segments(self.pipeline.journal.folder.journal)
        await settled(lambda: len(self.packed()) == len(known) - 1)
        await settled(lambda: (self.value("logweir_compaction_segments_total") or 0) >= len(known) - 1)

    def stored(self):
        found = [
            json.loads(event.line) for batch in self.pipeline.journal.batches(0) for event in batch.events()
        ]
        return {each["n"]: each for each in found if "n" in each}, found


def story(correlation_id, *, level="info"):
    """A request with what it did."""
    told = partial(line, correlation_id=correlation_id)
    return b"".join(
        (
            told(event="cache.operation", cache_operation="get", cache_name="a"),
            told(event="db.query", duration_seconds=0.5),
            told(event="work.done", level="debug", message="x" * 90),
            request(correlation_id=correlation_id, level=level),
        )
    )


def lived(settings, use):
    async def run():
        service = compose(settings)
        life = Life(service)
        async with running(service):
            compacting = asyncio.create_task(life.compaction.run())
            try:
                return await use(life)
            finally:
                compacting.cancel()
                await asyncio.wait([compacting])

    return asyncio.run(run())


def names(events):
    return [each["event"] for each in events]


def test_old_segments_are_packed_and_rid_of_what_the_rules_do_not_keep(settings):
    async def use(life):
        await life.requests(30)
        before = exposed(life.pipeline)
        await asyncio.sleep(0.3)
        assert life.packed() == []
        await life.hours_later()
        await life.all_packed()
        _, events = life.stored()
        sealed = len(life.packed())
        assert sealed >= 3
        assert names(events).count("http.request") == 150
        assert names(events).count("work.done") < 20
        assert names(events).count("db.query") == 150
        assert 20 < names(events).count("cache.operation") < 90
        gone = 604 - len(events)
        removed = life.pipeline.telemetry.compacted_events.collect()[0].samples
        told = {(s.labels["rule"], s.labels["reason"]): s.value for s in removed if s.name.endswith("_total")}
        assert sum(told.values()) == gone
        assert {*told} == {("cache.*", "sampled"), ("* debug", "never")}
        assert life.value("logweir_compaction_segments_total") == sealed
        assert life.value("logweir_compaction_failures_total") == 0
        before_bytes = life.value("logweir_compaction_before_bytes_total")
        assert life.value("logweir_compaction_after_bytes_total") < before_bytes / 3
        after = exposed(life.pipeline)
        assert after == before
        return after

    async def look(life):
        return exposed(life.pipeline)

    assert lived(settings, use) == lived(settings, look)


def test_what_is_kept_for_a_time_goes_when_it_has_run_out(settings):
    async def use(life):
        await life.requests(10)
        await life.hours_later()
        await life.all_packed()
        assert names(life.stored()[1]).count("db.query") == 50
        packed = {each.first_lsn: each.path.stat().st_ino for each in life.packed()}
        await life.hours_later()
        await settled(
            lambda: all(each.path.stat().st_ino != packed[each.first_lsn] for each in life.packed())
        )
        await settled(lambda: names(life.stored()[1]).count("db.query") < 30)
        expired = {"rule": "db.query", "reason": "expired"}
        await settled(lambda: life.value("logweir_compaction_removed_events_total", **expired) is not None)

    lived(settings, use)


@pytest.mark.parametrize("loud", ["error", "promoted"])
def test_errors_and_promoted_events_stay_with_their_stories(settings, loud):
    async def use(life):
        how = {"level": "error"} if loud == "error" else {"promote": True}
        await life.send(line(event="work.done", level="debug", correlation_id="bad", n=1))
        await life.send(line(event="work.failed", correlation_id="bad", n=2, **how))
        await life.send(line(event="work.done", level="debug", correlation_id="good", n=3))
        await life.requests(10)
        await life.hours_later()
        await life.all_packed()
        assert {*life.stored()[0]} == {1, 2}

    lived(settings, use)


def test_error_in_another_segment_keeps_the_story_that_was_received_within_an_hour(settings):
    async def use(life):
        await life.send(line(event="work.done", level="debug", correlation_id="bad", n=1))
        await life.send(line(event="work.done", level="debug", correlation_id="other", n=2))
        await life.requests(10)
        life.now += HOUR / 2
        await life.send(line(event="work.failed", level="error", correlation_id="bad", n=3))
        await life.requests(10)
        await life.hours_later()
        await life.all_packed()
        assert {*life.stored()[0]} == {1, 3}

    lived(settings, use)


def test_common_tools_read_what_was_compacted(settings):
    if not shutil.which("zstdgrep"):
        pytest.skip("there is no zstdgrep")

    async def use(life):
        await life.requests(10)
        await life.hours_later()
        await life.all_packed()
        command = ["zstdgrep", "-h", '"c-3-2"', *(each.path for each in life.packed())]
        found = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=True)
        assert "http.request" in names(map(json.loads, found.stdout.splitlines()))

    lived(settings, use)


def test_segment_that_cannot_be_compacted_is_told_once_and_tried_again(settings, caplog):
    async def use(life):
        await life.requests(10)
        journal = life.pipeline.journal.folder.journal
        first = segments(journal)[0].path
        (journal / f"{first.name}.zst.tmp").mkdir()  # nothing can be written there
        await life.hours_later()
        await settled(lambda: life.value("logweir_compaction_failures_total") == 1)
        await settled(lambda: len(life.packed()) == len(segments(journal)) - 2)
        life.now += 601
        await settled(lambda: life.value("logweir_compaction_failures_total") == 2)
        (journal / f"{first.name}.zst.tmp").rmdir()
        life.now += 601
        await life.all_packed()

    with caplog.at_level(logging.WARNING, "logweir_service.compact"):
        lived(settings, use)
    told = [each for each in caplog.records if each.name == "logweir_service.compact"]
    assert len(told) == 1
    assert "could not be compacted" in told[0].getMessage()


def test_folder_that_cannot_be_looked_at_is_told_once_and_looked_at_again(settings, caplog):
    async def use(life):
        keeper = life.pipeline.keeper
        reads = keeper.cursor_lsn

        def fails():
            raise OSError(5, "Input/output error")

        keeper.cursor_lsn = fails
        await settled(lambda: life.value("logweir_compaction_failures_total") > 1)
        before = life.value("logweir_compaction_failures_total")
        await asyncio.sleep(0.2)
        assert life.value("logweir_compaction_failures_total") - before < 20, "it rests in between"
        keeper.cursor_lsn = reads
        await life.requests(10)
        await life.hours_later()
        await life.all_packed()

    with caplog.at_level(logging.WARNING, "logweir_service.compact"):
        lived(settings, use)
    told = [each.getMessage() for each in caplog.records if each.name == "logweir_service.compact"]
    assert len(told) <= 2, "once by the service's own compaction, which finds nothing to do, and by ours"
    assert all("Input/output error" in text for text in told)
    assert told


def test_damaged_segment_is_set_aside_and_what_is_whole_of_it_is_compacted(settings):
    async def use(life):
        await life.requests(10)
        journal = life.pipeline.journal.folder.journal
        first = segments(journal)[0].path
        content = first.read_bytes()
        first.write_bytes(content.replace(b'"c-0-3"', b'"c-0-9"', 1))
        await life.hours_later()
        await settled(lambda: life.value("logweir_journal_damaged_segments_total") == 1)
        assert first.with_suffix(".corrupt").read_bytes() != first.read_bytes()
        life.now += 601
        await life.all_packed()

    lived(settings, use)


def test_nothing_is_compacted_that_a_cursor_has_not_read(settings):
    async def use(life):
        life.pipeline.keeper.cursor_lsn = lambda: 3
        await life.requests(10)
        await life.hours_later()
        await asyncio.sleep(0.4)
        assert life.packed() == []
        life.pipeline.keeper.cursor_lsn = lambda: 10**9
        await life.all_packed()

    lived(settings, use)

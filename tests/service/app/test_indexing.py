"""The background's work on the index: what is missing is built, what is left over goes, faults are told."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

import pytest

from logweir_service.app.indexing import Indexing
from logweir_service.disk import Disk
from logweir_service.event import StoredEvent
from logweir_service.find import ActiveIndex, Asked, Catalogue, Stories
from logweir_service.journal import DataFolder, Journal, crc32, sidecar_of

LINE = (
    b'{"timestamp":"2026-09-21T14:13:20Z","correlation_id":"c%d","user_id":"u","note":"' + b"x" * 900 + b'"}'
)


@pytest.fixture
def journal(tmp_path):
    """Six segments of two commits each, the last of which is written to."""
    journal = Journal(DataFolder(tmp_path), max_segment_bytes=2000)
    journal.recover(lambda located, segment: None)
    for number in range(12):
        text = LINE % (number % 5) + b"\n"
        group = journal.begin(1_790_000_000.0)
        journal.append(group, text, count=1, lines_crc32=crc32(text))
        journal.write(group)
        journal.settle(group)
    yield journal
    journal.close()


def catalogue_of(journal, **more) -> Catalogue:
    reader, folder = journal.reader, journal.folder
    return Catalogue(reader.identifier, folder.journal, reader.segments, folder.index, **more)


def indexing(
    journal, index: ActiveIndex | None = None, *, room: bool = True, disk: Disk | None = None
) -> Indexing:
    return Indexing(
        catalogue_of(journal),
        index or ActiveIndex(),
        disk or journal.folder.disk,
        lambda needed: room,
        look_seconds=0.01,
    )


def run(found: Indexing, then: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        working = asyncio.create_task(found.run())
        try:
            await then()
        finally:
            working.cancel()
            await asyncio.wait([working])

    asyncio.run(main())


async def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end, "it never came to hold"
        await asyncio.sleep(0.01)


def lines(events: list[StoredEvent]) -> list[bytes]:
    return [event.line for event in events]


def test_every_sealed_segment_gets_a_sidecar_by_which_the_same_is_found(journal):
    scanned = Stories(journal.reader)
    found = indexing(journal)
    assert found.missing() == 0  # a scrape, on the loop, does not look at the folder itself
    assert len(found.catalogue.entries()) == 6
    assert found.missing() == 5

    async def then():
        await until(lambda: found.builds == 5 and found.missing() == 0)

    run(found, then)
    assert sorted(path.name for path in journal.folder.index.iterdir()) == [
        sidecar_of(journal.folder.index, first_lsn).name for first_lsn in (1, 3, 5, 7, 9)
    ]
    assert (found.builds, found.failures) == (5, 0)
    assert found.size_bytes() == sum(path.stat().st_size for path in journal.folder.index.iterdir())
    stories = Stories(journal.reader, catalogue=found.catalogue)
    for asked in (Asked("c1"), Asked("u", "user_id"), Asked("c9"), Asked("c2", "trace_id")):
        assert stories.read(stories.plan(asked)) == scanned.read(scanned.plan(asked))
    assert [event.lsn for event in stories("c1")] == [2, 7, 12]
    assert [*stories.stored("c1")] == stories("c1")


def test_one_that_is_removed_or_damaged_by_hand_is_built_again(journal):
    found = indexing(journal)
    first, second = (sidecar_of(journal.folder.index, first_lsn) for first_lsn in (1, 3))

    async def then():
        await until(lambda: found.builds == 5 and found.missing() == 0)
        await asyncio.sleep(0.2)  # it looks once more at what it has built
        first.unlink()
        second.write_bytes(b"no sidecar")
        stories = Stories(journal.reader, catalogue=found.catalogue)
        assert [event.lsn for event in stories("c1")] == [2, 7, 12]
        await until(lambda: found.builds == 7)
        assert found.missing() == 0

    run(found, then)


def test_what_has_no_segment_and_what_was_left_unfinished_goes(journal):
    found = indexing(journal, room=False)
    orphan = sidecar_of(journal.folder.index, 99)
    unfinished = journal.folder.index / f"{orphan.name}.tmp"
    journal.folder.index.mkdir()
    for path in (orphan, unfinished):
        path.write_bytes(b"left over")

    async def then():
        await until(lambda: not orphan.exists() and not unfinished.exists())

    run(found, then)


def test_nothing_is_built_where_there_is_no_room(journal):
    found = indexing(journal, room=False)

    async def then():
        await asyncio.sleep(0.3)

    run(found, then)
    assert found.builds == 0
    assert [*journal.folder.index.iterdir()] == []


class Full(Disk):
    """A disk on which nothing can be renamed."""

    def replace(self, old, new):
        raise OSError(28, "No space left on device")


def test_a_failure_is_told_and_counted_and_the_segment_is_scanned(journal, caplog):
    found = indexing(journal, disk=Full())

    async def then():
        await until(lambda: found.failures == 5)
        await asyncio.sleep(0.1)

    with caplog.at_level(logging.WARNING):
        run(found, then)
    assert (found.builds, found.failures) == (0, 5)
    assert all("is not indexed" in record.getMessage() for record in caplog.records)
    assert [*journal.folder.index.iterdir()] == []
    assert [event.lsn for event in Stories(journal.reader, catalogue=found.catalogue)("c1")] == [2, 7, 12]


def test_the_map_of_the_active_segment_is_filled_with_what_stood_before_a_restart(journal):
    index = ActiveIndex()
    position = journal.position
    index.note(position.segment_first_lsn, position.offset, {"new"})
    assert index.unknown() == (11, position.offset)
    found = indexing(journal, index)

    async def then():
        await until(lambda: index.unknown() is None)

    run(found, then)
    assert index.look_up(11, "c3") == []
    assert index.look_up(11, "c1") != []
    stories = Stories(journal.reader, index, catalogue=found.catalogue)
    assert [event.lsn for event in stories("c1")] == [2, 7, 12]

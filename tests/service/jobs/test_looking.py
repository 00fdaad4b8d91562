"""Look-ups that a child does: the same is found, and what goes wrong there is told."""

from __future__ import annotations

import asyncio
import json
import sys

import msgspec
import pytest

from logweir_service.errors import Refusal
from logweir_service.find import Asked, Catalogue, Page, Stories
from logweir_service.jobs import story
from logweir_service.jobs.child import Children
from logweir_service.jobs.index import write_sidecar
from logweir_service.jobs.looking import Looking
from logweir_service.journal import DataFolder, Journal, crc32, segments, sidecar_of

LINE = b'{"timestamp":"2026-09-21T14:13:%02dZ","correlation_id":"c1","n":%d}\n'


@pytest.fixture
def journal(tmp_path):
    journal = Journal(DataFolder(tmp_path), max_segment_bytes=2000)
    journal.recover(lambda located, segment: None)
    for number in range(100):
        text = LINE % (number * 7 % 60, number)
        group = journal.begin(1_790_000_000.25)
        journal.append(group, text, count=1, lines_crc32=crc32(text))
        journal.write(group)
        journal.settle(group)
    yield journal
    journal.close()


@pytest.fixture
def stories(journal):
    return Stories(journal.reader, catalogue=catalogue(journal))


def catalogue(journal):
    reader, folder = journal.reader, journal.folder
    return Catalogue(reader.identifier, folder.journal, reader.segments, folder.index)


def looked_up(
    journal, stories, asked: Asked, *, children: Children | None = None, seconds: float = 30
) -> Page:
    async def main() -> Page:
        looking = Looking(
            stories, catalogue(journal), children or Children(), last_lsn=lambda: journal.last_lsn
        )
        return await looking(asked, seconds=seconds)

    return asyncio.run(main())


@pytest.fixture
def heavy(monkeypatch):
    """Whatever is looked up is left to a child."""
    monkeypatch.setattr("logweir_service.find.index.stories._MUCH_BYTES", 0)


@pytest.mark.usefixtures("heavy")
@pytest.mark.parametrize(
    "asked", [Asked("c1"), Asked("c1", limit=7), Asked("absent"), Asked("c1", "trace_id")]
)
def test_a_child_finds_what_is_found_here(journal, stories, asked):
    assert stories.plan(asked).is_heavy
    assert looked_up(journal, stories, asked) == stories.read(stories.plan(asked))


@pytest.mark.usefixtures("heavy")
def test_pages_of_a_child_follow_each_other(journal, stories):
    first = looked_up(journal, stories, Asked("c1", limit=60))
    second = looked_up(journal, stories, Asked("c1", limit=60, after=first.next))
    assert first.events + second.events == tuple(stories("c1"))
    assert second.next is None


@pytest.mark.usefixtures("heavy")
def test_a_child_shows_nothing_that_is_not_durable(journal, stories):
    journal.last_lsn = 98
    assert max(event.lsn for event in looked_up(journal, stories, Asked("c1")).events) == 98


@pytest.mark.fault(50)
def test_of_very_many_hits_a_child_gives_page_after_page_and_each_once(tmp_path):
    journal = Journal(DataFolder(tmp_path), max_segment_bytes=100_000)
    journal.recover(lambda located, segment: None)
    for start in range(0, 2500, 250):
        text = b"".join(LINE % (number % 60, number) for number in range(start, start + 250))
        group = journal.begin(1_790_000_000.0)
        journal.append(group, text, count=250, lines_crc32=crc32(text))
        journal.write(group)
        journal.settle(group)
    journal.folder.index.mkdir(exist_ok=True)
    for segment in segments(journal.folder.journal)[:-1]:
        write_sidecar(segment, sidecar_of(journal.folder.index, segment.first_lsn))
    stories = Stories(journal.reader, catalogue=catalogue(journal))
    pages: list[Page] = []
    after = None
    while not pages or after is not None:
        asked = Asked("c1", limit=1000, after=after)
        pages.append(looked_up(journal, stories, asked))
        after = pages[-1].next
    journal.close()
    assert [len(page.events) for page in pages] == [1000, 1000, 500]
    numbers = [json.loads(event.line)["n"] for page in pages for event in page.events]
    assert numbers == sorted(range(2500), key=lambda number: (number % 60, number))


def test_a_story_of_thousands_of_events_is_left_to_a_child(journal, stories, monkeypatch):
    monkeypatch.setattr("logweir_service.find.index.stories._MANY_EVENTS", 20)
    journal.folder.index.mkdir(exist_ok=True)
    assert not stories.plan(Asked("c1")).is_heavy
    for segment in segments(journal.folder.journal)[:-1]:
        write_sidecar(segment, sidecar_of(journal.folder.index, segment.first_lsn))
    assert stories.plan(Asked("c1")).is_heavy
    assert not stories.plan(Asked("c2")).is_heavy


def test_a_child_does_not_read_indexes_as_a_whole(journal, monkeypatch):
    journal.folder.index.mkdir(exist_ok=True)
    for segment in segments(journal.folder.journal)[:-1]:
        write_sidecar(segment, sidecar_of(journal.folder.index, segment.first_lsn))
    monkeypatch.setattr("logweir_service.find.index.sidecar.zlib", None)  # which sums all of one up
    job = story.Job(
        journal=journal.identifier,
        folder=str(journal.folder.journal),
        index=str(journal.folder.index),
        asked=Asked("c1"),
        last_lsn=journal.last_lsn,
        deadline=float("inf"),
    )
    assert len(story.read([*story.run(msgspec.structs.asdict(job) | {"seconds": 1})]).events) == 100


def test_what_is_small_needs_no_child(journal, stories):
    children = Children(start=lambda: ["/does/not/exist"])
    assert len(looked_up(journal, stories, Asked("c1"), children=children).events) == 100


@pytest.mark.usefixtures("heavy")
def test_a_child_that_is_late_gives_a_partial_answer(journal, stories):
    children = Children(start=lambda: [sys.executable, "-c", "import time; time.sleep(60)"])
    page = looked_up(journal, stories, Asked("c1"), children=children, seconds=0.3)
    assert page == Page((), None, "deadline")


@pytest.mark.usefixtures("heavy")
def test_a_child_that_fails_is_a_refusal(journal, stories):
    children = Children(start=lambda: [sys.executable, "-c", "raise SystemExit(3)"])
    with pytest.raises(Refusal, match="log says why"):
        looked_up(journal, stories, Asked("c1"), children=children)

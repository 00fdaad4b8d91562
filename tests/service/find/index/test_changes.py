"""What is removed or written anew while it is read: the answer is whole, or says that it is not."""

from __future__ import annotations

import math
import os

import pytest

from logweir_service.find import Asked, Catalogue, Stories
from logweir_service.jobs.index import write_sidecar
from logweir_service.journal import DataFolder, Journal, crc32, put_in_place, rewrite, segments, sidecar_of

LINE = b'{"timestamp":"2026-09-21T14:13:%02dZ","correlation_id":"c1","user_id":"u","note":"'
LINE += b"x" * 900 + b'"}'


@pytest.fixture
def journal(tmp_path):
    """Three segments of two commits each, of which the first two have sidecars."""
    journal = Journal(DataFolder(tmp_path), max_segment_bytes=2000)
    journal.recover(lambda located, segment: None)
    for number in range(6):
        text = LINE % number + b"\n"
        group = journal.begin(1_790_000_000.0)
        journal.append(group, text, count=1, lines_crc32=crc32(text))
        journal.write(group)
        journal.settle(group)
    journal.folder.index.mkdir(exist_ok=True)
    for segment in segments(journal.folder.journal)[:-1]:
        write_sidecar(segment, sidecar_of(journal.folder.index, segment.first_lsn))
    yield journal
    journal.close()


@pytest.fixture(params=["with its index", "by a scan"])
def stories(request, journal):
    reader, folder = journal.reader, journal.folder
    index = folder.index if request.param == "with its index" else None
    return Stories(
        reader,
        catalogue=Catalogue(reader.identifier, folder.journal, reader.segments, index, clock=lambda: 10e9),
    )


def anew(journal, edit) -> None:
    """Write the first segment anew, as compaction does, and forget its sidecar."""
    segment = segments(journal.folder.journal)[0]
    rewrite(journal.folder.disk, segment, journal.identifier, edit=edit, due=math.inf)
    sidecar = sidecar_of(journal.folder.index, segment.first_lsn)
    assert put_in_place(journal.folder.disk, segment, sidecar=sidecar)


def lsns(page) -> list[int]:
    return [event.lsn for event in page.events]


@pytest.mark.fault(16)
def test_a_segment_that_went_since_it_was_looked_up_is_told(journal, stories):
    plan = stories.plan(Asked("c1"))
    segments(journal.folder.journal)[0].path.unlink()
    page = stories.read(plan)
    assert (lsns(page), page.partial) == ([3, 4, 5, 6], "removed")
    again = stories.read(stories.plan(Asked("c1")))
    assert (lsns(again), again.partial) == ([3, 4, 5, 6], None)


@pytest.mark.fault(16)
def test_one_that_was_compressed_since_it_was_looked_up_is_read_in_its_new_form(journal, stories):
    plan = stories.plan(Asked("c1"))
    anew(journal, lambda located: located.lines)
    page = stories.read(plan)
    assert (lsns(page), page.partial) == ([1, 2, 3, 4, 5, 6], None)


def test_of_one_that_was_thinned_since_what_is_left_is_found_once_and_in_its_place(journal, stories):
    plan = stories.plan(Asked("u", "user_id"))
    anew(journal, lambda located: b"" if located.commit.lsn == 1 else located.lines)
    page = stories.read(plan)
    assert (lsns(page), page.partial) == ([2, 3, 4, 5, 6], None)


def test_a_story_walked_through_in_the_journals_order_goes_on_behind_a_change(journal, stories):
    walked = stories.stored("c1")
    first = next(walked)
    anew(journal, lambda located: located.lines)
    segments(journal.folder.journal)[1].path.unlink()
    assert [event.lsn for event in (first, *walked)] == [1, 2, 5, 6]


def test_a_sidecar_of_the_text_before_is_not_believed(journal, stories):
    path = sidecar_of(journal.folder.index, 1)
    old = path.read_bytes()
    anew(journal, lambda located: located.lines)
    path.write_bytes(old)
    os.utime(journal.folder.index)
    assert lsns(stories.read(stories.plan(Asked("c1")))) == [1, 2, 3, 4, 5, 6]


def test_an_answer_that_is_late_says_so(stories):
    page = stories.read(stories.plan(Asked("c1")), is_late=lambda: True)
    assert page.partial == "deadline"
    assert page.next is None
    assert len(page.events) < 6


def test_segments_behind_the_last_event_of_a_page_are_not_read(journal):
    reader, folder = journal.reader, journal.folder
    stories = Stories(
        reader, catalogue=Catalogue(reader.identifier, folder.journal, reader.segments, folder.index)
    )
    plan = stories.plan(Asked("c1", limit=1, until=1_789_999_981_500_000))
    assert [part.entry.first_lsn for part in plan.parts] == [1, 5]
    first = stories.read(stories.plan(Asked("c1", limit=2)))
    assert lsns(first) == [1, 2]
    rest = stories.plan(Asked("c1", after=first.next))
    assert [part.entry.first_lsn for part in rest.parts] == [1, 3, 5]
    assert lsns(stories.read(rest)) == [3, 4, 5, 6]

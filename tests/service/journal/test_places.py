"""Batches of a segment that is written anew between two looks at it."""

import math

import pytest

from logweir_service.journal import (
    DataFolder,
    Follower,
    Journal,
    crc32,
    newest_first,
    put_in_place,
    rewrite,
    sidecar_of,
)
from logweir_service.journal.places import Places
from logweir_service.journal.segment import segments


@pytest.fixture
def journal(tmp_path):
    """Three commits of two lines to a segment, the last of which is written to."""
    journal = Journal(DataFolder(tmp_path), max_segment_bytes=700)
    journal.recover(lambda located, segment: None)
    for number in range(9):
        text = b'{"drop":%d}\n{"keep":%d}\n' % (number, number)
        group = journal.begin(1_790_000_000.0)
        journal.append(group, text, count=2, lines_crc32=crc32(text))
        journal.write(group)
        journal.settle(group)
    yield journal
    journal.close()


@pytest.fixture(params=["before", "after"], autouse=True)
def first_is_compacted_when_walked(request, journal, monkeypatch):
    folder, walk = journal.folder, Places.walk
    first = segments(folder.journal)[0]

    def compacted():
        rewrite(folder.disk, first, folder.identify(), edit=lambda each: each.lines[10:], due=math.inf)
        put_in_place(folder.disk, first, sidecar=sidecar_of(folder.index, first.first_lsn))

    def walked(places, *arguments):
        is_first = places.segment.first_lsn == first.first_lsn and first.path.exists()
        if is_first and request.param == "before":
            compacted()
        walk(places, *arguments)
        if is_first and request.param == "after":
            compacted()

    monkeypatch.setattr(Places, "walk", walked)


def kept(batches):
    return sum(batch.lines.count(b"keep") for batch in batches)


def test_who_follows_misses_nothing_where_a_segment_is_written_anew_meanwhile(journal):
    follower = Follower(journal.folder.journal, durable=lambda: journal.last_lsn)
    assert kept(follower.batches(0)) == 9
    assert segments(journal.folder.journal)[0].is_packed
    assert kept(follower.batches(0)) == 9


def test_who_goes_back_misses_nothing_where_a_segment_is_written_anew_meanwhile(journal):
    for _ in range(2):
        found = newest_first(journal.folder.journal)
        assert kept(batch for each in found for batch in each.batches(100) if batch.intact()) == 9
    assert segments(journal.folder.journal)[0].is_packed

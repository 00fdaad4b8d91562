"""Which segments have a sidecar that holds."""

from __future__ import annotations

import os
from uuid import UUID

import pytest

from logweir_service.event import StoredBatch
from logweir_service.find.index.building import PlacedBatch, build
from logweir_service.find.index.catalogue import Catalogue
from logweir_service.find.index.sidecar import name
from logweir_service.journal import DataFolder, Journal, crc32
from logweir_service.journal.segment import SegmentReader, segments
from tests.service.journal.packed import pack

LINE = b'{"timestamp":"2026-09-21T14:13:20Z","correlation_id":"c%d","note":"' + b"x" * 900 + b'"}'


@pytest.fixture
def journal(tmp_path):
    """Six segments of two commits each, the last of which is written to."""
    journal = Journal(DataFolder(tmp_path), max_segment_bytes=2000)
    journal.recover(lambda located, segment: None)
    for number in range(12):
        commit(journal, LINE % number)
    (tmp_path / "index").mkdir(exist_ok=True)
    yield journal
    journal.close()


def commit(journal, *lines):
    text = b"".join(each + b"\n" for each in lines)
    group = journal.begin(1_790_000_000.0)
    journal.append(group, text, count=len(lines), lines_crc32=crc32(text))
    journal.write(group)
    journal.settle(group)


class Clock:
    """Time that goes on when it is told to, far behind all that was changed on the disk."""

    now = 10e9

    def __call__(self):
        return self.now


def catalogue(journal, *, clock=None):
    reader, data = journal.reader, journal.folder.path
    return Catalogue(
        reader.identifier, reader.folder, reader.segments, data / "index", clock=clock or Clock()
    )


def add_sidecar(journal, segment, /, **changed):
    with segment.open() as file:
        size = file.seek(0, os.SEEK_END)
    told = {
        "journal": journal.identifier,
        "first_lsn": segment.first_lsn,
        "generation": 0,
        "text_bytes": size,
    }
    content = build((_placed(located) for located in SegmentReader(segment)), **{**told, **changed})
    path = journal.folder.path / "index" / name(segment.first_lsn)
    path.write_bytes(content)
    return path


def _placed(located):
    batch = StoredBatch(located.commit.lsn, located.commit.received, located.lines)
    return PlacedBatch(batch, located.offset + len(located.commit_line))


def indexed(found: Catalogue) -> list[int]:
    return [entry.first_lsn for entry in found.entries() if entry.sidecar() is not None]


def test_only_sealed_segments_have_one(journal):
    for segment in segments(journal.folder.journal):
        add_sidecar(journal, segment)
    found = catalogue(journal)
    assert [entry.first_lsn for entry in found.entries()] == [1, 3, 5, 7, 9, 11]
    assert indexed(found) == [1, 3, 5, 7, 9]


@pytest.mark.parametrize(
    "changed",
    [{"journal": UUID(int=7)}, {"first_lsn": 3}, {"generation": 1}, {"text_bytes": 77}],
)
def test_one_of_something_else_does_not_hold(journal, changed):
    add_sidecar(journal, segments(journal.folder.journal)[0], **changed)
    assert indexed(catalogue(journal)) == []


def test_a_damaged_one_does_not_hold(journal):
    path = add_sidecar(journal, segments(journal.folder.journal)[0])
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    assert indexed(catalogue(journal)) == []


def test_without_a_folder_of_sidecars_none_has_one(journal):
    (journal.folder.path / "index").rmdir()
    found = catalogue(journal)
    assert indexed(found) == []
    (journal.folder.path / "index").mkdir()
    add_sidecar(journal, segments(journal.folder.journal)[0])
    assert indexed(found) == [1]


def test_what_comes_and_goes_is_seen(journal):
    found = catalogue(journal)
    assert indexed(found) == []
    first, second, *_ = segments(journal.folder.journal)
    path = add_sidecar(journal, first)
    add_sidecar(journal, second)
    assert indexed(found) == [1, 3]
    path.unlink()
    assert indexed(found) == [3]
    first.path.unlink()
    assert [entry.first_lsn for entry in found.entries()] == [3, 5, 7, 9, 11]
    for _ in range(4):
        commit(journal, LINE % 77)
    assert found.entries()[-1].first_lsn > 11
    assert [entry.is_newest for entry in found.entries()][-2:] == [False, True]


def test_nothing_is_listed_again_while_nothing_has_changed_and_some_time_has_gone_by(journal, monkeypatch):
    found = catalogue(journal)
    listed = []

    def listing():
        listed.append(1)
        return segments(journal.folder.journal)

    monkeypatch.setattr(found, "segments", listing)
    for _ in range(5):
        found.entries()
    assert len(listed) == 1


def test_a_folder_that_changed_a_moment_ago_is_listed_again(journal, monkeypatch):
    """Its time may not show the next change."""
    clock = Clock()
    clock.now = max(each.stat().st_mtime for each in journal.folder.path.iterdir()) + 0.5
    found = catalogue(journal, clock=clock)
    listed = []

    def listing():
        listed.append(1)
        return segments(journal.folder.journal)

    monkeypatch.setattr(found, "segments", listing)
    found.entries()
    found.entries()
    clock.now += 1
    found.entries()
    found.entries()
    found.entries()
    assert len(listed) == 3


def test_a_segment_that_was_replaced_is_told(journal):
    first = segments(journal.folder.journal)[0]
    add_sidecar(journal, first)
    found = catalogue(journal)
    entry = found.entries()[0]
    assert entry.is_unchanged()
    copy = first.path.with_suffix(".copy")
    copy.write_bytes(first.path.read_bytes())
    copy.replace(first.path)
    assert not entry.is_unchanged()
    again = found.find(1)
    assert again is not None
    assert again.is_unchanged()
    assert again.sidecar() is not None


def test_more_than_may_be_open_are_opened_when_they_are_asked(journal, monkeypatch):
    monkeypatch.setattr("logweir_service.find.index.catalogue._MAX_OPEN", 2)
    for segment in segments(journal.folder.journal):
        add_sidecar(journal, segment)
    found = catalogue(journal)
    assert [entry.kept is not None for entry in found.entries()] == [False, False, False, True, True, False]
    assert indexed(found) == [1, 3, 5, 7, 9]


def test_a_sidecar_that_went_since_it_was_found_is_none(journal, monkeypatch):
    monkeypatch.setattr("logweir_service.find.index.catalogue._MAX_OPEN", 0)
    path = add_sidecar(journal, segments(journal.folder.journal)[0])
    entry = catalogue(journal).entries()[0]
    assert entry.header is not None
    path.unlink()
    assert entry.sidecar() is None


def test_segment_that_gets_another_name_while_the_folder_is_listed_is_there(journal):
    found = catalogue(journal)
    listed = found.segments

    def moving():
        known = listed()
        if not known[0].is_packed:
            pack(known[0], journal.identifier)
        return known

    found.segments = moving
    assert [each.first_lsn for each in found.entries()] == [1, 3, 5, 7, 9, 11]

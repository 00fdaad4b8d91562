"""What a child makes of one segment."""

import json

import pytest

from logweir_service.event import StoredBatch
from logweir_service.find.index.building import PlacedBatch, build
from logweir_service.jobs.compact import Asked, compact
from logweir_service.journal import DataFolder, SegmentReader, put_in_place, segments, sidecar_of
from logweir_service.rules import RuleSource
from tests.service.journal.written import RECEIVED, commit, opened

RULES = 'version: 1\nstore: [{event: "*", keep: never}]\n'


@pytest.fixture
def folder(tmp_path):
    return DataFolder(tmp_path / "data")


def event(number, *, level="info", correlation_id=None):
    return json.dumps(
        {
            "timestamp": "2026-09-21T14:13:20Z",
            "event": "work.done",
            "service": "shop",
            "level": level,
            "n": number,
            **({"correlation_id": correlation_id} if correlation_id else {}),
        }
    ).encode()


def two_segments(folder):
    """An error's story in one segment, the error itself in the next."""
    with opened(folder, max_segment_bytes=100) as (journal, _, _):
        commit(journal, [event(1, correlation_id="bad"), event(2, correlation_id="good"), event(3)])
        commit(journal, [event(4, level="error", correlation_id="bad")])
        commit(journal, [event(5)])


def with_sidecar(folder, segment):
    folder.index.mkdir(exist_ok=True)
    batches = [
        PlacedBatch(
            StoredBatch(located.commit.lsn, located.commit.received, located.lines),
            located.offset + len(located.commit_line),
        )
        for located in SegmentReader(segment)
    ]
    told = build(
        batches,
        journal=folder.identify(),
        first_lsn=segment.first_lsn,
        generation=0,
        text_bytes=segment.text_size(),
    )
    sidecar_of(folder.index, segment.first_lsn).write_bytes(told)


def left_of_first(folder, *, neighbours, rules=RULES):
    first = segments(folder.journal)[0]
    answer = compact(
        Asked(
            journal=folder.identify(),
            folder=folder.journal,
            sidecars=folder.index,
            first_lsn=first.first_lsn,
            neighbours=neighbours,
            rules=[RuleSource(name="own.yaml", text=rules, is_pack=False)],
            pack_labels=None,
            now=RECEIVED + 7200,
        )
    )
    assert answer.damage == ""
    assert put_in_place(folder.disk, first, sidecar=sidecar_of(folder.index, 1))
    lines = b"".join(located.lines for located in SegmentReader(first)).split(b"\n")
    return [json.loads(line)["n"] for line in lines if line]


def test_story_of_an_error_in_another_segment_is_found_by_reading_that(folder):
    two_segments(folder)
    assert left_of_first(folder, neighbours=[2]) == [1]


def test_story_of_an_error_in_another_segment_is_found_by_its_sidecar_alone(folder):
    two_segments(folder)
    second = segments(folder.journal)[1]
    with_sidecar(folder, second)
    second.path.write_bytes(second.path.read_bytes().replace(b'"error"', b'"debug"'))
    assert left_of_first(folder, neighbours=[2]) == [1]


def test_sidecar_of_another_generation_or_size_is_not_believed(folder):
    two_segments(folder)
    first, second, _ = segments(folder.journal)
    with_sidecar(folder, first)
    sidecar_of(folder.index, 1).rename(sidecar_of(folder.index, 2))
    assert left_of_first(folder, neighbours=[2]) == [1]
    with_sidecar(folder, second)
    with second.path.open("ab") as file:
        file.write(b"more\n")
    assert left_of_first(folder, neighbours=[2]) == [1]


def test_neighbour_that_retention_has_removed_is_passed_over(folder):
    two_segments(folder)
    assert left_of_first(folder, neighbours=[2, 99]) == [1]
    segments(folder.journal)[1].path.unlink()
    assert left_of_first(folder, neighbours=[2]) == []


def test_segment_that_retention_has_removed_is_no_failure(folder):
    two_segments(folder)
    segments(folder.journal)[0].path.unlink()
    asked = Asked(
        journal=folder.identify(),
        folder=folder.journal,
        sidecars=folder.index,
        first_lsn=1,
        neighbours=[],
        rules=[],
        pack_labels=None,
        now=RECEIVED,
    )
    assert compact(asked).is_gone
    assert [*folder.journal.glob("*.tmp")] == []


def test_without_rules_every_event_stays(folder):
    two_segments(folder)
    assert left_of_first(folder, neighbours=[], rules="version: 1\n") == [1, 2, 3]

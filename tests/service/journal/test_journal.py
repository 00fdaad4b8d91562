import errno
import json
import os
import zlib

import pytest

from logweir_service.errors import ConfigurationError, FolderLocked, Refusal, StorageBroken, UnknownFormat
from logweir_service.journal import DataFolder, Journal, JournalReader, StreamPosition, crc32

from .written import commit, only_segment, recovered

STREAM = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"


def test_segment_reads_as_the_format_page_says(journal, folder):
    commit(journal, [b'{"a":1}', b'{"b":2}'], position=StreamPosition(STREAM, 5, 8, 77, closed=True))
    commit(journal, [b'{"c":3}'])
    path = only_segment(folder)
    assert path.name == "00000000000000000001.ndjson"
    header, first, a, b, second, c = path.read_bytes().split(b"\n")[:-1]
    assert json.loads(header) == {
        "_segment": {"format": 1, "journal": str(journal.identifier), "first_lsn": 1}
    }
    assert (a, b, c) == (b'{"a":1}', b'{"b":2}', b'{"c":3}')
    fields = json.loads(first)["_commit"]
    checksum = fields.pop("crc32")
    assert fields == {
        "lsn": 1,
        "stream": STREAM,
        "seq": 5,
        "next_seq": 8,
        "count": 2,
        "bytes": 16,
        "received": "2026-09-21T14:13:20.250000Z",
        "body_crc32": 77,
        "closed": True,
    }
    assert checksum == zlib.crc32(first[: first.index(b',"crc32":')], zlib.crc32(a + b"\n" + b + b"\n"))
    fields = json.loads(second)["_commit"]
    assert (fields["stream"], fields["seq"], fields["next_seq"], fields["lsn"]) == (None, None, None, 2)
    assert "closed" not in fields


def test_restart_reads_back_every_batch_and_goes_on(journal, folder):
    commit(journal, [b'{"a":1}'], [b'{"b":2}'])
    commit(journal, [b'{"c":3}'])
    journal.close()
    again, report, lines = recovered(folder)
    assert lines == [b'{"a":1}', b'{"b":2}', b'{"c":3}']
    assert (report.batches, report.events, report.torn_tail_bytes) == (3, 3, 0)
    assert again.last_lsn == 3
    assert commit(again, [b'{"d":4}']).commits[0].lsn == 4
    again.close()


def test_segments_roll_between_groups_and_read_on_in_order(folder):
    journal = Journal(folder, max_segment_bytes=400)
    journal.recover(lambda located, segment: None)
    for number in range(12):
        commit(journal, [b'{"n":%d}' % number])
    names = sorted(path.name for path in folder.journal.glob("*.ndjson"))
    assert len(names) > 3
    assert [batch.lines for batch in journal.batches(0)] == [b'{"n":%d}\n' % n for n in range(12)]
    assert [batch.lsn for batch in journal.batches(7)] == [8, 9, 10, 11, 12]
    assert [batch.lsn for batch in journal.batches(11)] == [12]
    assert [*journal.batches(12)] == []
    journal.close()
    again, report, lines = recovered(folder)
    assert (len(lines), report.damaged) == (12, ())
    assert [batch.lsn for batch in again.batches(10)] == [11, 12]
    again.close()


def test_group_that_cannot_be_written_is_refused_and_cut_back(journal, folder, monkeypatch):
    commit(journal, [b'{"a":1}'])
    before = only_segment(folder).read_bytes()
    real = os.writev

    def full(file, buffers):
        real(file, [b"".join(buffers)[:30]])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "writev", full)
    with pytest.raises(Refusal) as refusal:
        commit(journal, [b'{"b":2}'])
    assert (refusal.value.status, refusal.value.code) == (503, "disk_full")
    assert only_segment(folder).read_bytes() == before
    monkeypatch.setattr(os, "writev", real)
    commit(journal, [b'{"c":3}'])
    assert [batch.lines for batch in journal.batches(0)] == [b'{"a":1}\n', b'{"c":3}\n']


def test_short_writes_are_completed(journal, folder, monkeypatch):
    real_writev, real_write = os.writev, os.write
    monkeypatch.setattr(os, "writev", lambda file, buffers: real_writev(file, [b"".join(buffers)[:7]]))
    monkeypatch.setattr(os, "write", lambda file, data: real_write(file, bytes(data)[:5]))
    commit(journal, [b'{"a":1}'], [b'{"b":2}'])
    assert [batch.lines for batch in journal.batches(0)] == [b'{"a":1}\n', b'{"b":2}\n']


def test_failed_fdatasync_breaks_the_journal(journal, monkeypatch):
    def fail(file):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fdatasync", fail)
    with pytest.raises(StorageBroken, match="fdatasync failed"):
        commit(journal, [b'{"a":1}'])


def test_second_owner_is_told_who_has_the_folder(journal, folder):
    with pytest.raises(FolderLocked, match=f"locked by pid {os.getpid()}"):
        DataFolder(folder.path).claim()


def test_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigurationError, match=r"file/data cannot be used"):
        DataFolder(tmp_path / "file" / "data").claim()


@pytest.mark.parametrize("others", [',"journal":"1b4e28ba-2fa1-11d2-883f-0016d3cca427"', "", ',"journal":7'])
def test_folder_of_another_format_is_left_alone_whatever_else_it_says(journal, folder, others):
    journal.close()
    path = folder.path / "format.json"
    path.write_text(f'{{"format":99{others}}}')
    with pytest.raises(UnknownFormat, match=r"says format 99.*run the version that wrote it"):
        DataFolder(folder.path).claim()
    assert path.read_text() == f'{{"format":99{others}}}'


@pytest.mark.parametrize(
    "text", [b"", b"{}", b'{"format":"1"}', b'{"format":1}', b'{"format":1,"journal":"\xff"}']
)
def test_a_format_that_cannot_be_read_is_for_the_backup(journal, folder, text):
    journal.close()
    (folder.path / "format.json").write_bytes(text)
    with pytest.raises(UnknownFormat, match=r"cannot be read .*restore it from a backup"):
        DataFolder(folder.path).claim()


def test_segment_of_another_format_is_left_alone(journal, folder):
    commit(journal, [b'{"a":1}'])
    journal.close()
    path = only_segment(folder)
    path.write_bytes(path.read_bytes().replace(b'"format":1', b'"format":9', 1))
    content = path.read_bytes()
    again = Journal(folder)
    with pytest.raises(UnknownFormat, match="format 9"):
        again.recover(lambda located, segment: None)
    again.close()
    assert path.read_bytes() == content


def test_reader_without_a_lock_stops_at_the_last_whole_batch(journal, folder):
    commit(journal, [b'{"a":1}'])
    with only_segment(folder).open("ab") as file:
        file.write(b'{"_commit":{"lsn":2,"stream":null')
    reader = JournalReader(folder.journal, folder.identify())
    assert [batch.lines for batch in reader.batches(0)] == [b'{"a":1}\n']


def test_scan_finds_lines_across_chunks_and_names_their_place(folder, monkeypatch):
    monkeypatch.setattr("logweir_service.journal.reader._CHUNK_BYTES", 16)
    journal = Journal(folder, max_segment_bytes=300)
    journal.recover(lambda located, segment: None)
    for number in range(9):
        commit(journal, [b'{"n":%d}' % number, b'{"id":"needle-%d"}' % (number % 2)])
    found = [(event.lsn, event.index) for event in journal.reader.containing(b'"needle-1"')]
    assert found == [(2, 1), (4, 1), (6, 1), (8, 1)]
    assert [*journal.reader.containing(b'"absent"')] == []
    journal.close()


def test_folder_that_no_service_used_is_refused_to_readers(tmp_path):
    with pytest.raises(ConfigurationError, match="is no data folder"):
        DataFolder(tmp_path).identify()


def test_identity_of_a_folder_that_lost_its_format_is_taken_from_its_segments(journal, folder):
    commit(journal, [b'{"a":1}'])
    journal.close()
    (folder.path / "format.json").unlink()
    again, _, _ = recovered(folder)
    assert again.identifier == journal.identifier
    again.close()


def test_segment_of_another_journal_is_refused(journal, folder, tmp_path):
    commit(journal, [b'{"a":1}'])
    journal.close()
    other = DataFolder(tmp_path / "other")
    other.claim()
    (other.journal / only_segment(folder).name).write_bytes(only_segment(folder).read_bytes())
    other.release()
    again = Journal(other)
    with pytest.raises(UnknownFormat, match="another journal"):
        again.recover(lambda located, segment: None)
    again.close()


def test_look_up_shows_nothing_that_is_not_durable(journal):
    commit(journal, [b'{"a":1}'])
    group = journal.begin(1_790_000_000.0)
    journal.append(group, b'{"b":2}\n', count=1, lines_crc32=crc32(b'{"b":2}\n'))
    journal.write(group)
    assert [batch.lines for batch in journal.batches(0)] == [b'{"a":1}\n']
    assert [*journal.reader.batches_between(1, group.offset, None)] == []
    journal.settle(group)
    assert [batch.lines for batch in journal.reader.batches_between(1, group.offset, None)] == [b'{"b":2}\n']


@pytest.mark.fault(16, 45)
def test_size_is_told_while_retention_removes_a_segment(journal, folder):
    commit(journal, [b'{"n":1}'])
    listed_and_gone = folder.journal / f"{0:020}.ndjson"
    listed_and_gone.symlink_to("nowhere")
    assert journal.size_bytes == (folder.journal / f"{1:020}.ndjson").stat().st_size

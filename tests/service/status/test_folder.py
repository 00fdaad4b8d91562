"""What a folder tells must be what the process said of itself, also after kill -9."""

import json
import os
import signal

import pytest

from logweir_service.cli import main
from logweir_service.journal import Checkpoint, Checkpoints, DataFolder
from logweir_service.status import decode_status, status_of_folder
from tests.end_to_end.live import LiveService
from tests.service.journal.packed import pack_sealed
from tests.service.journal.written import write_journal

STREAM = "0b54f5b1-2f6a-4f5e-9d3c-0d3f5ad0a001"
OTHER = "0b54f5b1-2f6a-4f5e-9d3c-0d3f5ad0a002"
EVENT = b'{"event":"cart.paid","service":"shop","level":"info"}\n'


@pytest.fixture
def live(tmp_path):
    with LiveService(tmp_path / "data") as service:
        service.post(EVENT * 3, Logweir_Stream=STREAM, Logweir_Seq="1")
        service.post(EVENT + b'{"_closed":{}}\n', Logweir_Stream=OTHER, Logweir_Seq="5")
        service.post(EVENT + b'{"event":"cart.paid"}\nnot json\n')
        service.post(EVENT + b'{"_lost":{"count":7}}\n', Logweir_Stream=STREAM, Logweir_Seq="4")
        yield service


def asked(service):
    answer = service.get("/v1/status")
    assert answer.status == 200
    return decode_status(answer.data)


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main(["status", *map(str, arguments)])
    out, err = capsys.readouterr()
    return ended.value.code, out.splitlines(), err.splitlines()


def marked(out):
    return any(line.startswith("!") for line in out)


def test_a_running_service_tells_where_it_stands(live):
    told = asked(live)
    assert (told.state, told.pid, told.why) == ("ready", live.process.pid, "")
    assert (told.journal.last_lsn, told.journal.segments) == (4, 1)
    assert told.journal.bytes == sum(path.stat().st_size for path in (live.data / "journal").iterdir())
    assert told.streams is not None
    assert (told.streams.open, told.streams.closed) == (1, 1)
    assert told.losses['logweir_events_lost_total{reason="dropped_by_sender"}'] == 7
    assert (told.letters.kept, told.letters.retried) == (2, 0)
    assert told.promotion.sentry == "off"
    assert told.disk.min_free_bytes is not None
    assert told.checkpoint is not None


def test_compacted_segments_count_as_their_files_and_the_oldest_is_found_in_them(tmp_path):
    folder = DataFolder(tmp_path / "data")
    write_journal(folder, 12, max_segment_bytes=500)
    before = status_of_folder(folder).journal
    pack_sealed(folder)
    after = status_of_folder(folder).journal
    assert (after.last_lsn, after.segments, after.oldest) == (12, before.segments, before.oldest)
    assert after.bytes == sum(path.stat().st_size for path in folder.journal.iterdir())
    assert (after.damage, after.resets) == ([], False)


def test_a_running_service_whose_folder_cannot_be_read_says_so(live, capsys):
    format_file = live.data / "format.json"
    format_file.rename(live.data / "away")
    answer = live.get("/v1/status")
    assert (answer.status, answer.json()["error"]) == (503, "storage_error")
    code, out, err = run(capsys, "--url", live.url)
    assert (code, out, len(err)) == (1, [], 1)
    (live.data / "away").rename(format_file)


def test_the_folder_tells_the_same_beside_the_running_service(live):
    told, read = asked(live), status_of_folder(DataFolder(live.data))
    assert (read.state, read.pid) == ("running", live.process.pid)
    assert read.journal == told.journal
    assert read.letters == told.letters
    assert read.disk.ballast == told.disk.ballast
    assert live.post(EVENT).status == 200


def test_the_folder_tells_the_same_after_a_kill(live):
    told = asked(live)
    live.stop(signal.SIGKILL)
    read = status_of_folder(DataFolder(live.data))
    assert (read.state, read.pid) == ("ended", None)
    assert read.journal == told.journal
    assert read.letters == told.letters
    assert read.promotion.behind_commits == 5 - read.promotion.lsn


def test_after_a_clean_stop_nothing_is_behind_the_checkpoint(live):
    told = asked(live)
    assert live.stop() == 0
    read = status_of_folder(DataFolder(live.data))
    assert read.checkpoint is not None
    assert (read.checkpoint.lsn, read.checkpoint.behind_bytes) == (4, 0)
    assert (read.state, read.promotion.behind_commits, read.disk.ballast) == ("stopped", 0, told.disk.ballast)
    assert read.streams == told.streams
    assert read.losses == told.losses


def test_what_a_restart_would_read_is_told_in_bytes(live):
    assert live.stop() == 0
    (segment,) = (live.data / "journal").iterdir()
    with segment.open("ab") as file:
        file.write(b"x" * 1000)
    read = status_of_folder(DataFolder(live.data))
    assert read.checkpoint is not None
    assert read.checkpoint.behind_bytes == 1000
    assert read.journal.last_lsn == 4


def test_a_damaged_checkpoint_is_passed_over(live):
    assert live.stop() == 0
    for path in (live.data / "checkpoints").glob("*.checkpoint"):
        path.write_bytes(path.read_bytes()[:-9])
    read = status_of_folder(DataFolder(live.data))
    assert (read.checkpoint, read.streams, read.losses) == (None, None, {})
    assert [line.endswith("its checksum does not hold") for line in read.unusable_checkpoints] == [True, True]
    assert read.journal.last_lsn == 4


def test_an_older_checkpoint_is_used_where_the_newest_is_damaged_and_that_is_told(capsys, live):
    assert live.stop() == 0
    *_, older, newest = sorted((live.data / "checkpoints").glob("*.checkpoint"))
    newest.write_bytes(newest.read_bytes()[:-9])
    code, out, _ = run(capsys, "--data", live.data)
    (told,) = (line for line in out if line[2:].startswith("checkpoint"))
    assert code == 1
    assert told.startswith(f"! checkpoint  commit {int(older.stem)}, ")
    assert f"({newest} is damaged: its checksum does not hold)" in told


def test_a_journal_that_was_removed_is_trouble(capsys, live):
    assert live.stop() == 0
    for segment in (live.data / "journal").iterdir():
        segment.unlink()
    assert "! journal     no segments, though commit 4 was written" in run(capsys, "--data", live.data)[1]


def test_a_checkpoint_that_says_nothing_of_its_place_is_passed_over(live):
    assert live.stop() == 0
    folder = DataFolder(live.data)
    Checkpoints(folder.checkpoints, journal=folder.identify()).save(Checkpoint(9, 1.0, b"{}\n"))
    read = status_of_folder(folder)
    assert read.checkpoint is not None
    assert read.checkpoint.lsn == 4
    (told,) = read.unusable_checkpoints
    assert told.startswith("the checkpoint at commit 9 cannot be read: ")


def test_a_segment_that_was_set_aside_is_told(live):
    assert live.stop() == 0
    (live.data / "journal" / f"{1:020}.corrupt").write_text("")
    assert status_of_folder(DataFolder(live.data)).journal.damaged == 1


def test_reading_changes_nothing_in_the_folder(live):
    live.stop(signal.SIGKILL)
    before = {path: path.stat().st_mtime_ns for path in live.data.rglob("*")}
    status_of_folder(DataFolder(live.data))
    assert {path: path.stat().st_mtime_ns for path in live.data.rglob("*")} == before


def test_the_command_prints_it_from_the_folder_and_from_the_service(capsys, live):
    code, out, err = run(capsys, "--data", live.data)
    assert (code, err) == (int(marked(out)), [])
    assert any(line.startswith(f"  service     running, pid {live.process.pid}") for line in out)
    code, out, err = run(capsys, "--url", live.url)
    assert (code, err, marked(out)) == (1, [], True)
    assert any(line.startswith("  service     ready, logweir ") for line in out)
    loss = '! lost        7 logweir_events_lost_total{reason="dropped_by_sender"}, last seen '
    assert any(line.startswith(loss) for line in out)
    assert out == sorted(out, key=lambda line: line[0] != "!")
    code, out, _ = run(capsys, "--url", live.url, "--json")
    assert (code, json.loads(out[0])["journal"]["last_lsn"]) == (1, 4)


def test_status_needs_a_read_token_where_there_are_some(capsys, tmp_path):
    with LiveService(tmp_path / "data", environment={"LOGWEIR_READ_TOKENS": "r1"}) as service:
        assert service.get("/v1/status").status == 401
        assert run(capsys, "--url", service.url, "--token", "r1")[0] == 0
        code, out, err = run(capsys, "--url", service.url)
        assert (code, out, len(err)) == (1, [], 1)


def test_a_folder_of_nobody_is_named_and_exits_78(capsys, tmp_path):
    code, out, err = run(capsys, "--data", tmp_path)
    assert (code, out, len(err)) == (78, [], 1)
    assert str(tmp_path) in err[0]


def test_a_service_that_is_none_is_one_line(capsys):
    code, out, err = run(capsys, "--url", "http://127.0.0.1:1")
    assert (code, out, len(err)) == (1, [], 1)


def test_a_fresh_folder_is_empty_and_owned(tmp_path):
    folder = DataFolder(tmp_path)
    folder.claim()
    try:
        read = status_of_folder(DataFolder(tmp_path))
        assert (read.journal.last_lsn, read.journal.oldest, read.letters.kept) == (0, None, 0)
        assert read.pid == os.getpid()
    finally:
        folder.release()


def test_segments_with_an_index_are_counted_and_leftovers_are_not(live):
    live.stop()
    index, journal = live.data / "index", live.data / "journal"
    index.mkdir(exist_ok=True)
    name = next(journal.iterdir()).name.removesuffix(".ndjson")
    before = status_of_folder(DataFolder(live.data)).journal
    assert (before.segments, before.indexed, before.compressed) == (1, 0, 0)
    (index / f"{name}.index").write_bytes(b"")
    (index / f"{99:020}.index").write_bytes(b"of a segment that is gone")
    assert status_of_folder(DataFolder(live.data)).journal.indexed == 1

"""``logweir erase``: what goes, what stays, and that nothing is counted anew."""

import json
import shutil
import subprocess
from functools import partial

import pytest

from logweir_service.app import composition
from logweir_service.event import identity
from logweir_service.journal import DataFolder, Journal, JournalReader
from logweir_service.journal.segment import segments
from logweir_service.pipeline import Delivery, Erasure, User
from logweir_service.settings import Settings
from tests.service.journal.packed import pack
from tests.service.journal.test_rewriting import Death, DyingDisk
from tests.service.pipeline.living import exposed, killed, living, request
from tests.service.test_cli import run


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setattr(composition, "Journal", partial(Journal, max_segment_bytes=3_000))
    return Settings(LOGWEIR_DATA=tmp_path / "data", LOGWEIR_BALLAST_BYTES=0)


async def send(pipeline):
    """Stories of two users in one batch each, in several segments; the last one is half full."""
    for number in range(20):
        told = [request(user_id="ann", correlation_id=f"a-{number}")]
        told += [
            request(
                user_id="bob",
                correlation_id=f"b-{number}",
                message={3: "not 'ann'", 5: "annabel"}.get(number, ""),
            )
        ]
        told += [request(correlation_id=f"a-{number}")]
        await pipeline.submit(Delivery(b"".join(told)))
    await pipeline.submit(
        Delivery(request(user_id="ann", level="loud") + b'{"user_id": "ann"\n{"user_id":"bob"}\n')
    )
    return exposed(pipeline)


async def mention(pipeline):
    """Events in many segments that tell of a user, and are another's."""
    for number in range(60):
        await pipeline.submit(Delivery(request(user_id="bob", message=f"{number} letters to ann")))


async def look(pipeline):
    return exposed(pipeline)


def stored(folder):
    """The identity of each event, and what it says."""
    reader = JournalReader(folder.journal, folder.identify())
    events = [event for batch in reader.batches(0) for event in batch.events()]
    return {identity(reader.identifier, each.lsn, each.index): json.loads(each.line) for each in events}


def of(events, user):
    return {key: event for key, event in events.items() if event.get("user_id") == user}


def compacted(folder):
    """The same folder with the first of its segments compacted."""
    pack(segments(folder.journal)[0], folder.identify())


def test_what_holds_the_id_elsewhere_is_told_in_one_line_however_many_segments_there_are(capsys, settings):
    living(settings, mention)
    code, _, err = run(capsys, "erase", "--user", "ann", "--dry-run", "--data", settings.data)
    assert code == 1
    assert err.startswith("logweir: 60 other lines of 0")
    assert err.count(".ndjson") == 3
    assert " more segments with the id elsewhere stay" in err


def test_events_of_a_user_go_and_all_others_keep_their_identity_and_their_numbers(capsys, settings):
    counted = living(settings, send)
    folder = DataFolder(settings.data)
    compacted(folder)
    before = stored(folder)
    code, out, err = run(capsys, "erase", "--user", "ann", "--data", settings.data)
    told = out.splitlines()
    assert code == 0
    assert told[-1] == "20 events and 2 dead letters removed"
    assert len(told) > 4
    assert "1 other line of " in err
    assert len([*folder.checkpoints.glob("*.checkpoint")]) == 1, "no older one may be gone on from"
    after = stored(folder)
    assert of(after, "ann") == {}
    assert after == {key: event for key, event in before.items() if event.get("user_id") != "ann"}
    assert living(settings, look) == counted
    assert stored(folder) == after
    assert run(capsys, "erase", "--user", "ann", "--data", settings.data)[0] == 1


@pytest.mark.skipif(not shutil.which("zstdgrep"), reason="there is no zstdgrep")
def test_no_tool_finds_the_user_in_any_file_afterwards(capsys, settings):
    living(settings, send)
    compacted(DataFolder(settings.data))
    run(capsys, "erase", "--user", "ann", "--data", settings.data)
    files = [path for path in settings.data.rglob("*") if path.is_file()]
    assert len(files) > 5
    for tool in ("zstdgrep", "grep"):
        command = [tool, "-ah", '"ann"', *files]
        assert subprocess.run(command, capture_output=True, check=False).stdout == b""


def test_stories_of_the_user_go_as_a_whole(capsys, settings):
    living(settings, send)
    code, out, _ = run(capsys, "erase", "--user", "ann", "--stories", "--data", settings.data)
    assert (code, out.splitlines()[-1]) == (0, "40 events and 2 dead letters removed")
    assert {event["user_id"] for event in stored(DataFolder(settings.data)).values()} == {"bob"}


def test_dry_run_says_the_same_and_changes_nothing_also_beside_a_service(capsys, settings):
    living(settings, send)
    before = {path: path.read_bytes() for path in settings.data.rglob("*") if path.is_file()}

    async def dry(pipeline):
        return run(capsys, "erase", "--user", "ann", "--dry-run", "--data", settings.data)

    code, out, _ = run(capsys, "erase", "--user", "ann", "--dry-run", "--data", settings.data)
    assert {path: path.read_bytes() for path in settings.data.rglob("*") if path.is_file()} == before
    assert (code, out.splitlines()[-1]) == (0, "20 events and 2 dead letters would be removed")
    assert living(settings, dry)[:2] == (code, out)


def test_folder_of_a_running_service_is_refused(capsys, settings):
    async def refused(pipeline):
        await send(pipeline)
        return run(capsys, "erase", "--user", "ann", "--data", settings.data)

    code, out, err = living(settings, refused)
    assert (code, out) == (73, "")
    assert "stop that service" in err
    assert len(of(stored(DataFolder(settings.data)), "ann")) == 20


def test_folder_of_a_killed_service_is_refused_until_it_was_stopped_in_order(capsys, settings):
    counted = killed(settings, send)
    code, _, err = run(capsys, "erase", "--user", "ann", "--data", settings.data)
    assert (code, len(err.splitlines())) == (1, 1)
    assert "start the service once and stop it in order" in err
    assert len(of(stored(DataFolder(settings.data)), "ann")) == 20
    assert living(settings, look) == counted
    assert run(capsys, "erase", "--user", "ann", "--data", settings.data)[0] == 0
    assert living(settings, look) == counted


def test_folder_of_nobody_is_refused_and_not_made(capsys, tmp_path):
    assert run(capsys, "erase", "--user", "ann", "--data", tmp_path / "none")[0] == 78
    assert not (tmp_path / "none").exists()


def test_kill_at_any_step_changes_no_number_and_the_next_run_goes_on(capsys, settings, tmp_path):
    counted = living(settings, send)
    before = stored(DataFolder(settings.data))
    kept = tmp_path / "kept"
    settings.data.rename(kept)
    for calls in range(0, 200, 3):
        shutil.rmtree(settings.data, ignore_errors=True)
        shutil.copytree(kept, settings.data)
        folder = DataFolder(settings.data, disk=DyingDisk(calls))
        erasure = Erasure(folder, folder.claim(), User("ann"))
        try:
            [*erasure.erase([*erasure.look()])]
        except Death:
            dead = True
        else:
            dead = False
        folder.release(in_order=False)
        left = stored(DataFolder(settings.data))
        assert left.items() <= before.items()
        assert of(left, "bob") == of(before, "bob")
        if calls % 4 == 0:
            assert living(settings, look) == counted
        if not dead:
            break
        run(capsys, "erase", "--user", "ann", "--data", settings.data)
        assert of(stored(DataFolder(settings.data)), "ann") == {}
        assert not any(b'"ann"' in path.read_bytes() for path in folder.journal.glob("*.ndjson"))
        assert living(settings, look) == counted
    assert not dead
    assert calls > 10


@pytest.mark.parametrize(
    ("line", "taken"),
    [
        (b'{"user_id":"ann"}', True),
        (b'{"user_id":"\\u0061nn"}', True),
        (b'{"user\\u005fid":"ann"}', True),
        (b'{"user_id":"anna"}', False),
        (b'{"name":"ann","user_id":"bob"}', False),
        (b'{"user_id":"ann","x":1e999}', True),
        (b'{"user_id":["ann"]}', False),
    ],
)
def test_user_is_taken_by_the_whole_id_however_it_is_written(line, taken):
    assert User("ann").takes(line) == taken


def test_number_is_an_id_too():
    assert User("42").takes(b'{"user_id":42}')
    assert not User("42").takes(b'{"user_id":42.5}')

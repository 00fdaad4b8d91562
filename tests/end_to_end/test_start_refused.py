"""Data folders that cannot be used: an exit code, one line that names the path, and nothing changed."""

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from logweir_service.journal import crc32
from tests.end_to_end.live import LiveService
from tests.end_to_end.sending import Sender, must_hold

OBEYING_PERMISSIONS = (
    ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
)
"""Without these capabilities permission bits hold for root too."""


def refused(data, *arguments, code, under=()):
    """The one line that a service says before it ends with `code`."""
    service = LiveService(data, *arguments, under=under)
    with pytest.raises(RuntimeError, match="did not start"), service:
        pass
    assert service.process.returncode == code
    (line,) = (line for line in service.log if " INFO " not in line)
    return line


def content(folder):
    """Every file with its bytes and its time, but the lock, which names who tried last."""
    return {
        path: (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else None)
        for path in sorted(folder.rglob("*"))
        if path.name != "LOCK"
    }


def used_folder(folder):
    """A data folder that holds some events."""
    with LiveService(folder) as live:
        sender = Sender(live, "shop")
        assert sender.send()
        assert live.stop() == 0
    return folder


@pytest.mark.fault(12)
def test_file_in_place_of_the_data_folder_is_refused_with_its_path(tmp_path):
    (tmp_path / "data").write_text("in the way")
    line = refused(tmp_path / "data", code=78)
    assert f"{tmp_path / 'data'} is there, and is no folder" in line
    assert "--data" in line
    below = refused(tmp_path / "data" / "below", code=78)
    assert f"{tmp_path / 'data' / 'below'} lies below what is no folder" in below
    assert "write access" not in line + below


@pytest.mark.fault(12)
def test_data_folder_where_none_can_be_made_is_refused_without_false_advice():
    line = refused(Path("/proc/logweir"), code=78)
    assert "/proc/logweir cannot be made there" in line
    assert "write access" not in line


@pytest.mark.fault(12)
def test_data_folder_whose_target_is_gone_is_refused_with_its_path(tmp_path):
    (tmp_path / "data").symlink_to(tmp_path / "unplugged")
    assert str(tmp_path / "data") in refused(tmp_path / "data", code=78)
    assert not (tmp_path / "unplugged").exists()


@pytest.mark.fault(12)
@pytest.mark.parametrize("used", [False, True])
@pytest.mark.needs("setpriv")
def test_data_folder_of_another_owner_is_refused_with_its_path(tmp_path, used):
    data = tmp_path / "data"
    if used:
        used_folder(data)
        for path in data.rglob("*"):
            path.chmod(0o444 if path.is_file() else 0o555)
    data.mkdir(exist_ok=True)
    data.chmod(0o555)
    before = content(data)
    assert str(data) in refused(data, code=78, under=OBEYING_PERMISSIONS)
    assert content(data) == before


@pytest.mark.fault(12)
def test_data_folder_on_a_read_only_disk_is_refused_with_its_path(tmp_path):
    data = used_folder(tmp_path / "data")
    mounted = subprocess.run(["mount", "--bind", "-o", "ro", data, data], check=False, capture_output=True)
    if mounted.returncode:
        pytest.skip(f"nothing can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        line = refused(data, code=78)
    finally:
        subprocess.run(["umount", "--lazy", data], check=True)
    assert str(data) in line
    assert "ead-only" in line


@pytest.mark.fault(13)
def test_second_service_is_refused_with_the_pid_and_the_first_goes_on_unharmed(tmp_path):
    with LiveService(tmp_path / "data") as live:
        sender = Sender(live, "shop")
        assert sender.send()
        before = content(live.data / "journal")
        assert f"locked by pid {live.process.pid}" in refused(live.data, code=73)
        assert content(live.data / "journal") == before
        assert (live.data / "LOCK").read_text().strip() == str(live.process.pid)
        assert sender.send()
        must_hold(live, sender)


@pytest.mark.fault(13)
def test_address_in_use_is_refused_with_a_code_that_says_try_again(tmp_path):
    with LiveService(tmp_path / "data") as live:
        address = live.url.removeprefix("http://")
        line = refused(tmp_path / "other", "--listen", address, code=75)
        assert f"cannot listen on {address}: Address already in use; start again once" in line


@pytest.mark.fault(14)
def test_lock_of_a_killed_service_does_not_hinder_the_next(tmp_path):
    with LiveService(tmp_path / "data") as live:
        sender = Sender(live, "shop")
        assert sender.send()
        killed = live.process.pid
        live.stop(signal.SIGKILL)
        assert (live.data / "LOCK").read_text().strip() == str(killed)
        live.start()
        assert (live.data / "LOCK").read_text().strip() == str(live.process.pid) != str(killed)
        assert sender.send()
        must_hold(live, sender)


def guarded(checkpoint):
    """The checkpoint with the checksum that its changed first line needs: no damage, but another version."""
    line, _, body = checkpoint.partition(b"\n")
    head = line.partition(b',"crc32":')[0]
    return b'%s,"crc32":%d}}\n%s' % (head, crc32(head, crc32(body)), body)


@pytest.mark.fault(15)
@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("format.json", rb'"format":\d+', b'"format":99'),
        ("format.json", rb"^.*", b"{"),
        ("journal/*.ndjson", rb'"format":\d+', b'"format":99'),
        ("checkpoints/*.checkpoint", rb'"format":\d+', b'"format":99'),
    ],
    ids=["folder", "unreadable", "segment", "checkpoint"],
)
def test_folder_of_another_version_is_refused_and_nothing_in_it_is_changed(tmp_path, name, old, new):
    data = used_folder(tmp_path / "data")
    path = sorted(data.glob(name))[-1]
    changed, count = re.subn(old, new, path.read_bytes(), count=1)
    assert count == 1
    path.write_bytes(guarded(changed) if path.suffix == ".checkpoint" else changed)
    with next((data / "journal").iterdir()).open("ab") as segment:
        segment.write(b'{"_commit":{"torn')  # which a recovery would cut
    before = content(data)
    assert str(path) in refused(data, code=78)
    assert content(data) == before

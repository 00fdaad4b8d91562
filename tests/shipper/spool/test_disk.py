"""A disk that takes nothing is no concern of the application's."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from logweir.spool.place import can_map, default_folder, file_system, make_private
from tests.shipper.service import PlayedService
from tests.shipper.spool.test_kill import wait_for
from tests.shipper.spool.test_spool import Opened

EMITTING = """
import json, os, resource, sys, logweir
limit, events, size = map(int, sys.argv[1:])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
for number in range(events):
    logweir.emit("a.b", n=number, pad="x" * size)
os.write(1, json.dumps(dict(logweir.stats())).encode())
"""


def emit(
    spool: Path,
    *,
    events: int,
    size: int = 1000,
    limit: int = 0,
    url: str = "http://127.0.0.1:9",
    **more: str,
) -> tuple[dict[str, Any], bytes]:
    """What `stats` told at the end of a process that emitted, and what it said."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("LOGWEIR")}
    environ |= {"LOGWEIR_URL": url, "LOGWEIR_SERVICE": "shop", "LOGWEIR_SPOOL": str(spool)}
    ended = subprocess.run(
        [sys.executable, "-c", EMITTING, str(limit), str(events), str(size)],
        env=environ | more,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 0, ended
    return orjson.loads(ended.stdout), ended.stderr


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB in memory."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(folder)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("only root may mount")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.needs("mount")
@pytest.mark.fault(24)
def test_a_full_disk_ends_no_process_and_events_wait_in_memory(small_disk: Path) -> None:
    told, said = emit(small_disk / "spool", events=10_000)
    assert told["emitted"] == 10_000
    assert told["dropped"] == {}
    assert said.count(b"events wait in memory only") == 1
    assert os.statvfs(small_disk).f_bavail * 4096 < 1024 * 1024


@pytest.mark.needs("mount")
@pytest.mark.fault(24)
def test_memory_beside_a_full_disk_is_bounded_and_what_is_dropped_is_counted(small_disk: Path) -> None:
    told, _ = emit(small_disk / "spool", events=3000, size=12_000)
    assert told["emitted"] == 3000
    dropped = told["dropped"]["queue_full"]["info"]
    assert 15_000_000 < (3000 - dropped) * 12_000 < 20_000_000


@pytest.mark.fault(24)
def test_a_limit_of_file_sizes_ends_no_process(tmp_path: Path, service: PlayedService) -> None:
    told, said = emit(tmp_path, events=2000, limit=200_000, url=service.url)
    assert told["emitted"] == 2000
    assert said.count(b"events wait in memory only") == 1
    wait_for(lambda: len(service.events) == 2000)
    assert {event["n"] for event in service.events} == set(range(2000))


@pytest.mark.fault(24)
@pytest.mark.parametrize("place", ["/proc/spool", "/dev/null/spool"])
def test_a_folder_that_cannot_be_written_costs_durability_and_nothing_else(
    service: PlayedService, place: str
) -> None:
    told, said = emit(Path(place), events=100, url=service.url)
    assert told["emitted"] == 100
    assert said.count(b"logweir:") == 1
    assert b"events wait in memory only, the spool in " in said
    assert said.endswith(b" directory; make room there, or name another folder with LOGWEIR_SPOOL\n")
    assert [event["n"] for event in service.events] == list(range(100))
    assert len(service.closed) == 1


@pytest.mark.needs("mount")
@pytest.mark.fault(24)
def test_a_read_only_file_system_is_written_again_when_it_can_be(small_disk: Path) -> None:
    def remount(how: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{how}", str(small_disk)], check=True)

    remount("ro")
    opened = Opened(small_disk)
    opened.put(1)
    assert b"Read-only file system" in opened.said[0]
    remount("rw")
    opened.now = 4.0
    opened.spool.upkeep()
    opened.put(2)
    assert not opened.spool._own, "the disk is not asked for each event"
    opened.now = 6.0
    opened.spool.upkeep()
    opened.put(3)
    assert opened.spool._own[0].segments[0].writer is not None
    assert sorted(each["n"] for each in opened.take()) == [1, 2, 3]


@pytest.mark.needs("mount")
@pytest.mark.fault(24)
def test_lines_are_appended_where_mapping_is_unsafe_and_a_full_disk_cuts_none(small_disk: Path) -> None:
    opened = Opened(small_disk, max_bytes=64 << 20, mapped=False)
    for number in range(4000):
        opened.put(number, padding=1000)
    assert len(opened.said) == 1
    assert b"No space left" in opened.said[0] or b"only a part" in opened.said[0]
    assert sorted(each["n"] for each in opened.take()) == list(range(4000))


def test_only_file_systems_that_keep_their_word_are_mapped(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    line = "36 25 0:32 / {point} rw - {kind} none rw\n"
    points = {
        "/": "ext4",
        "/a": "btrfs",
        "/a/b": "xfs",
        "/net": "nfs4",
        "/lay": "overlay",
        "/f": "fuse.sshfs",
    }
    mounts.write_text("".join(line.format(point=point, kind=kind) for point, kind in points.items()))
    mappable = {point: can_map(Path(point) / "x", mounts=mounts) for point in points}
    assert mappable == {
        "/": True, "/a": False, "/a/b": True, "/net": False, "/lay": False, "/f": False,
    }  # fmt: skip
    assert file_system(tmp_path, mounts=Path("/nowhere")) == ""


def test_the_default_folder_is_this_users_alone(tmp_path: Path) -> None:
    assert default_folder({"STATE_DIRECTORY": "/var/lib/shop:/x"}) == Path("/var/lib/shop/logweir/spool")
    assert default_folder({"XDG_STATE_HOME": "/s"}) == Path("/s/logweir/spool")
    assert default_folder({"XDG_STATE_HOME": "relative"}).name == f"logweir-spool-{os.getuid()}"
    made = tmp_path / "made"
    make_private(made)
    assert made.stat().st_mode & 0o777 == 0o700
    (tmp_path / "link").symlink_to(made)
    with pytest.raises(NotADirectoryError):
        make_private(tmp_path / "link")
    made.chmod(0o777)
    with pytest.raises(PermissionError):
        make_private(made)

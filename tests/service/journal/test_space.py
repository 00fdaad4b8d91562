import errno
import os

import pytest

from logweir_service.disk import Disk
from logweir_service.errors import Refusal
from logweir_service.journal import Space


class SmallDisk(Disk):
    """Says how much room there is."""

    def __init__(self, *, free: int, total: int) -> None:
        self.free, self.total = free, total

    def space(self, path):
        return self.free, self.total


def blocks_bytes(path):
    return path.stat().st_blocks * 512


@pytest.mark.parametrize(
    ("total", "least", "ballast"),
    [(1_000_000, 50_000, 10_000), (10_000_000_000, 500_000_000, 64 << 20), (10**13, 10**9, 64 << 20)],
)
def test_what_is_left_free_is_a_share_of_the_disk_up_to_a_limit(tmp_path, total, least, ballast):
    disk = SmallDisk(free=total, total=total)
    space = Space(tmp_path, disk=disk)
    assert (space.min_free_bytes, space._ballast_bytes) == (least, ballast)


@pytest.mark.fault(9)
def test_too_little_room_is_refused_with_numbers_and_a_time_to_come_again(tmp_path):
    disk = SmallDisk(free=1000, total=10_000)
    space = Space(tmp_path, disk=disk, min_free_bytes=1000)
    space.require()
    disk.free = 999
    with pytest.raises(Refusal) as refusal:
        space.require()
    assert (refusal.value.status, refusal.value.code) == (503, "disk_full")
    assert refusal.value.retry_after_seconds == 30
    told = f"999 bytes free on {tmp_path}, 1 kB have to stay so (LOGWEIR_MIN_FREE_BYTES); nothing was stored"
    assert refusal.value.message == told
    disk.free = 1000
    space.require()


@pytest.mark.fault(10)
def test_ballast_takes_blocks_without_content_and_gives_them_back(tmp_path):
    space = Space(tmp_path, disk=Disk(), min_free_bytes=0, ballast_bytes=1 << 20)
    assert not space.has_ballast
    space.keep_ballast()
    assert space.has_ballast
    path = tmp_path / "ballast"
    assert (path.stat().st_size, blocks_bytes(path) >= 1 << 20) == (0, True)
    assert space.drop_ballast()
    assert not space.has_ballast
    assert not space.drop_ballast()


@pytest.mark.fault(10)
def test_copy_of_a_folder_whose_ballast_takes_no_room_gets_one_that_does(tmp_path):
    (tmp_path / "ballast").touch()
    space = Space(tmp_path, disk=Disk(), min_free_bytes=0, ballast_bytes=1 << 20)
    assert not space.has_ballast
    space.keep_ballast()
    assert space.has_ballast
    assert blocks_bytes(tmp_path / "ballast") >= 1 << 20


def test_file_system_that_reserves_nothing_is_asked_once_and_left_alone(tmp_path):
    asked = []

    class Thin(Disk):
        def allocate(self, file, offset, size):
            asked.append(size)

    space = Space(tmp_path, disk=Thin(), min_free_bytes=0, ballast_bytes=1 << 20)
    for _ in range(3):
        space.keep_ballast()
    assert (asked, space.has_ballast, [*tmp_path.iterdir()]) == ([1 << 20], False, [])


def test_ballast_is_taken_up_only_where_the_room_is_not_needed(tmp_path):
    disk = SmallDisk(free=1999, total=10_000)
    space = Space(tmp_path, disk=disk, min_free_bytes=1000, ballast_bytes=1000)
    space.keep_ballast()
    assert not space.has_ballast
    disk.free = 2000
    space.keep_ballast()
    assert space.has_ballast


def test_no_ballast_is_kept_where_none_is_wanted(tmp_path):
    space = Space(tmp_path, disk=Disk(), min_free_bytes=0, ballast_bytes=0)
    space.keep_ballast()
    assert not space.has_ballast


@pytest.mark.fault(10)
@pytest.mark.parametrize("call", ["allocate", "open"])
def test_ballast_that_finds_no_room_leaves_nothing(tmp_path, call):
    disk = Disk()

    def fail(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    setattr(disk, call, fail)
    space = Space(tmp_path, disk=disk, min_free_bytes=0, ballast_bytes=1000)
    space.keep_ballast()
    assert [*tmp_path.iterdir()] == []

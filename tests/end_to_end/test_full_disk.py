"""A disk without room, a file that may not grow, no descriptors left: refused, never fatal, and mended."""

import resource
import signal
import subprocess

import pytest
import urllib3

from tests.end_to_end import small_segments
from tests.end_to_end.live import LiveService
from tests.end_to_end.sending import Sender, must_hold, wait_for

ENOUGH = 4000
"""Bodies that fill any disk of these tests."""


@pytest.fixture
def small_disk(tmp_path):
    """A file system of a few megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "none", folder], check=False, capture_output=True
    )
    if mount.returncode:
        pytest.skip(f"no file system can be mounted here: {mount.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(sender):
    """Send until the first refusal."""
    for _ in range(ENOUGH):
        if not sender.send():
            return sender.refused[-1]
    raise AssertionError("the disk never filled")


def journal_bytes(live):
    return sum(segment.stat().st_size for segment in (live.data / "journal").iterdir())


@pytest.mark.fault(9)
def test_full_disk_refuses_with_a_hint_and_goes_on_by_itself_when_there_is_room(small_disk):
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(2 << 20))
    with LiveService(small_disk / "data") as live:
        sender = Sender(live, "shop", per_body=100)
        refusal = fill(sender)
        assert sender.acknowledged
        assert (refusal.status, refusal.json()["error"]) == (503, "disk_full")
        assert 20 <= int(refusal.headers["Retry-After"]) <= 60
        assert not any(sender.send() for _ in range(3))
        must_hold(live, sender)
        assert live.get("/health").status == 200
        assert live.get("/v1/events?correlation_id=shop-1").json()["count"] == 1
        ballast.unlink()
        wait_for(sender.send, seconds=20)
        must_hold(live, sender)
        live.stop(signal.SIGKILL)
        live.start()
        must_hold(live, sender)
        assert live.stop() == 0


@pytest.mark.fault(11)
def test_file_that_may_not_grow_refuses_the_group_and_kills_nobody(tmp_path):
    with LiveService(tmp_path / "data") as live:
        sender = Sender(live, "shop", per_body=100)
        assert sender.send()
        journal = journal_bytes(live)
        limits = resource.prlimit(live.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(live.process.pid, resource.RLIMIT_FSIZE, (journal + 50_000, limits[1]))
        refusal = fill(sender)
        assert refusal.status == 503
        assert int(refusal.headers["Retry-After"]) >= 1
        must_hold(live, sender)
        resource.prlimit(live.process.pid, resource.RLIMIT_FSIZE, limits)
        assert sender.send()
        must_hold(live, sender)
        assert live.stop() == 0


@pytest.mark.fault(11)
def test_service_without_file_descriptors_refuses_what_needs_one_and_lives_on(tmp_path):
    with LiveService(tmp_path / "data", module=small_segments.__name__) as live:
        sender = Sender(live, "shop", per_body=100)
        while journal_bytes(live) < small_segments.MAX_SEGMENT_BYTES:
            assert sender.send()
        pid = live.process.pid
        limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, limits[1]))  # all that it has is beyond
        assert not sender.send()  # on its kept connection; the next segment cannot be opened
        assert sender.refused[-1].json()["error"] == "storage_error"
        live.http = urllib3.PoolManager(retries=False, timeout=3)
        assert not sender.send()  # nor can a new connection
        assert sender.unanswered == 1
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        wait_for(sender.send, seconds=20)
        must_hold(live, sender)
        assert len(list((live.data / "journal").iterdir())) == 2
        assert live.stop() == 0

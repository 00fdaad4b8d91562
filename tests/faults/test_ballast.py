import pytest

from logweir_service.disk import Disk
from logweir_service.journal import Space


class Killed(BaseException):
    """The process is no more."""


class DyingDisk(Disk):
    def allocate(self, file, offset, size):
        raise Killed


@pytest.mark.fault(2, 10)
def test_ballast_whose_blocks_a_kill_prevented_is_made_by_the_next_start(tmp_path):
    with pytest.raises(Killed):
        Space(tmp_path, disk=DyingDisk(), min_free_bytes=0, ballast_bytes=1 << 16).keep_ballast()
    space = Space(tmp_path, disk=Disk(), min_free_bytes=0, ballast_bytes=1 << 16)
    assert not space.has_ballast
    space.keep_ballast()
    assert space.has_ballast
    assert not list(tmp_path.glob("*.tmp"))

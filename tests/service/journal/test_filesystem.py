import os

import pytest

from logweir_service.errors import ConfigurationError
from logweir_service.journal import refuse_network
from logweir_service.journal.filesystem import file_system

MOUNTS = rb"""22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:30 / /srv rw,relatime shared:2 master:1 - nfs4 filer:/export rw,addr=10.0.0.1
31 30 8:2 / /srv/local rw,relatime - xfs /dev/sdb1 rw
32 31 0:31 / /srv/local/remote rw - fuse.sshfs me@there:/ rw
33 22 0:32 / /with\040space rw - cifs //there/share rw
34 22 0:33 / /with\040space/tab\011here rw - tmpfs tmpfs rw
35 22 0:34 / /twice rw - nfs filer:/a rw
36 22 0:35 / /twice rw - ext4 /dev/sdc1 rw
37 22 0:36 / /back\134slash rw - 9p host rw
38 22 0:37 / /line%bseparator rw - btrfs /dev/sdd1 rw
39 22 0:38 / /odd%bname rw - nfs filer:/b rw
""" % ("\u2028".encode(), b"\xff")


@pytest.fixture
def mounts(tmp_path):
    path = tmp_path / "mountinfo"
    path.write_bytes(MOUNTS)
    return path


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/data", "ext4"),
        ("/", "ext4"),
        ("/srv", "nfs4"),
        ("/srv/data", "nfs4"),
        ("/srvdata", "ext4"),
        ("/srv/local/data", "xfs"),
        ("/srv/localdata", "nfs4"),
        ("/srv/local/remote/data", "fuse.sshfs"),
        ("/with space/data", "cifs"),
        ("/with space/tab\there/data", "tmpfs"),
        ("/twice/data", "ext4"),
        ("/back\\slash", "9p"),
        ("/line\u2028separator/data", "btrfs"),
        (os.fsdecode(b"/odd\xffname/data"), "nfs"),
    ],
)
def test_the_innermost_and_newest_mount_above_a_path_says_its_file_system(mounts, tmp_path, path, kind):
    assert file_system(type(tmp_path)(path), mounts=mounts) == kind


def test_symbolic_links_are_followed(mounts, tmp_path):
    link = tmp_path / "link"
    link.symlink_to("/srv/data")
    assert file_system(link, mounts=mounts) == "nfs4"


@pytest.mark.parametrize(
    "kind",
    "nfs nfs4 cifs smb3 smbfs 9p afs ceph glusterfs lustre gfs2 ocfs2 fuse.sshfs fuse.s3fs fuse.glusterfs "
    "fuse.ceph fuse.rclone fuse.gcsfuse".split(),
)
def test_network_file_system_is_refused_and_named(tmp_path, kind):
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"22 1 8:1 / / rw - {kind} somewhere rw\n")
    with pytest.raises(ConfigurationError, match=f"lies on {kind}, a network file system.*ALLOW_NETWORK"):
        refuse_network(tmp_path / "data", mounts=mounts)


@pytest.mark.parametrize("kind", "ext4 xfs btrfs zfs overlay tmpfs f2fs fuse.mergerfs fuseblk".split())
def test_local_file_system_is_taken(tmp_path, kind):
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"22 1 8:1 / / rw - {kind} somewhere rw\n")
    refuse_network(tmp_path / "data", mounts=mounts)


def test_system_that_lists_no_mounts_is_taken_at_its_word(tmp_path):
    assert file_system(tmp_path, mounts=tmp_path / "absent") == ""
    refuse_network(tmp_path, mounts=tmp_path / "absent")


def test_this_machine_says_where_the_tests_lie(tmp_path):
    assert file_system(tmp_path) != ""

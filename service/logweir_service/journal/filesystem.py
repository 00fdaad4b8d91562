"""Whether a folder lies on a disk of this machine: over a network neither locks nor syncs are certain."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from logweir_service.errors import ConfigurationError

_NETWORK: Final = re.compile(
    r"nfs4?|cifs|smb\d?|smbfs|9p|afs|ceph|glusterfs|lustre|gfs2?|ocfs2|fuse\.\w*(ssh|s3|gluster|ceph|rclone|gcs)\w*"
)
_MOUNTS: Final = Path("/proc/self/mountinfo")
_OCTAL: Final = re.compile(r"\\(\d{3})")


def refuse_network(path: Path, *, mounts: Path = _MOUNTS) -> None:
    """Refuse a data folder on a network file system.

    Raises:
        ConfigurationError: naming the file system.
    """
    kind = file_system(path, mounts=mounts)
    if _NETWORK.fullmatch(kind):
        raise ConfigurationError(
            f"data folder {path} lies on {kind}, a network file system, which cannot promise to keep data: "
            "name a local one with --data or LOGWEIR_DATA, or set LOGWEIR_ALLOW_NETWORK_FILESYSTEM=true"
        )


def file_system(path: Path, *, mounts: Path = _MOUNTS) -> str:
    """The type of the file system on which `path` lies, or will; empty where that is not known."""
    try:
        lines = os.fsdecode(mounts.read_bytes()).split("\n")[:-1]
    except OSError:
        return ""
    real = os.path.realpath(path)
    found, longest = "", -1
    for line in lines:
        before, _, behind = line.partition(" - ")
        point = _OCTAL.sub(lambda match: chr(int(match[1], 8)), before.split(" ")[4])
        is_above = real == point or real.startswith(point.rstrip("/") + "/")
        if is_above and len(point) >= longest:
            found, longest = behind.split(" ")[0], len(point)
    return found

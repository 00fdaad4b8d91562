"""Where the spool lies, and whether files there may be mapped."""

from __future__ import annotations

import os
import re
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MAPPABLE: Final = frozenset({"ext2", "ext3", "ext4", "xfs", "tmpfs", "f2fs"})
"""File systems where what is allocated can be written: others copy on write, or ask another machine."""

_MOUNTS: Final = Path("/proc/self/mountinfo")
_OCTAL: Final = re.compile(r"\\(\d{3})")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Where the events of a service wait, and how many."""

    folder: Path
    service: str
    max_bytes: int
    sync: bool = False
    """Whether what is sent, or waits for a second, is on the disk itself."""
    shared: bool = False
    """Whether `folder` lies among folders of other users."""


def default_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """A folder of this user's: the state folder that systemd or XDG names, else one among temporary files.

    Only the first two last beyond a reboot, or beyond a unit with PrivateTmp.
    """
    for name in ("STATE_DIRECTORY", "XDG_STATE_HOME"):
        given = environ.get(name, "").partition(":")[0]
        if given.startswith("/"):
            return Path(given) / "logweir" / "spool"
    return Path(tempfile.gettempdir()) / f"logweir-spool-{os.getuid()}"


def make_private(folder: Path) -> None:
    """Make a folder among those of other users. Raises OSError where one of them made or may change it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(f"{folder} is no folder")
    if found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise PermissionError(f"{folder} must belong to this user alone")


def can_map(folder: Path, *, mounts: Path = _MOUNTS) -> bool:
    """Whether a full disk can't harm who writes to a mapped, allocated file in `folder`."""
    return hasattr(os, "posix_fallocate") and file_system(folder, mounts=mounts) in MAPPABLE


def file_system(path: Path, *, mounts: Path = _MOUNTS) -> str:
    """The type of the file system on which `path` lies; empty where that is not known."""
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

"""What a disk has promised: which bytes of which file are durable, and which names.

The service writes it line by line while it runs, beside its data folder, and a kill leaves it whole: what a
process has written to a file outlives the process, if not the machine.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal
from uuid import uuid4

KEPT: Final = "replaced"
"""Folder of hard links to what was renamed over or removed, so that a power cut can bring it back."""


class Ledger:
    """Written by the service under test, one line before or after each call."""

    def __init__(self, folder: Path) -> None:
        (folder / KEPT).mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._file = os.open(folder / "ledger", os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC)

    def note(self, what: str, *details: Any) -> None:
        """Add a line; it is there when this returns, whatever becomes of the process."""
        os.write(self._file, json.dumps([what, *details]).encode() + b"\n")

    def token(self) -> str:
        """A word that was never used before."""
        return uuid4().hex

    def keep(self, path: Path) -> str | None:
        """A second name for a file that is about to lose its own, or None where there is no file."""
        name = f"{KEPT}/{self.token()}"
        try:
            os.link(path, self._folder / name)
        except FileNotFoundError:
            return None
        return name


@dataclass(frozen=True, slots=True)
class NameChange:
    """A file that was created, renamed or removed, which its folder may not know for good."""

    what: Literal["create", "rename", "remove"]
    path: Path
    old: Path | None = None
    """The name before a rename."""
    kept: Path | None = None
    """What stood under `path` before."""

    def undo(self) -> None:
        """Let the name be as before, if the change was made before the process died."""
        if self.kept is not None and self.path.exists() and self.path.samefile(self.kept):
            return
        if self.what != "remove" and not self.path.exists():
            return
        if self.what == "create":
            self.path.unlink()
        elif self.what == "rename":
            assert self.old is not None
            self.path.rename(self.old)
        if self.kept is not None:
            os.link(self.kept, self.path)


@dataclass(slots=True)
class Promised:
    """What a ledger says in the end."""

    sizes: dict[Path, int] = field(default_factory=dict)
    """How many bytes of a file are durable; of a file that is not named, all are."""
    changes: list[NameChange] = field(default_factory=list)
    """Changes of names that are not durable, in order."""
    syncing: dict[str, list[NameChange]] = field(default_factory=dict)
    """What becomes durable when a folder's sync returns."""
    killed_at: list[str] = field(default_factory=list)
    """The points at which the process ended itself."""
    failed: list[str] = field(default_factory=list)
    """The calls that failed on purpose."""


def read_ledger(folder: Path) -> Promised:
    """Read what was promised."""
    promised = Promised()
    path = folder / "ledger"
    for line in path.read_bytes().splitlines() if path.exists() else ():
        what, *details = json.loads(line)
        _take(promised, folder, what, details)
    return promised


def forget(folder: Path) -> None:
    """Begin anew: from now on everything that is on the disk is durable."""
    (folder / "ledger").unlink(missing_ok=True)
    for kept in (folder / KEPT).glob("*"):
        kept.unlink()


def _take(promised: Promised, folder: Path, what: str, details: list[Any]) -> None:
    sizes = promised.sizes
    match what, details:
        case "open", [path, size]:
            sizes.setdefault(Path(path), size)
        case "synced", [path, size]:
            sizes[Path(path)] = size
        case "cut", [path, size]:
            sizes[Path(path)] = min(size, sizes.get(Path(path), size))
        case "create", [path]:
            sizes[Path(path)] = 0
            promised.changes.append(NameChange("create", Path(path)))
        case "rename", [old, new, kept]:
            sizes.pop(Path(new), None)
            if Path(old) in sizes:  # else a child process has written it, and synced it to its end
                sizes[Path(new)] = sizes.pop(Path(old))
            promised.changes.append(NameChange("rename", Path(new), Path(old), kept and folder / kept))
        case "remove", [path, kept]:
            promised.changes.append(NameChange("remove", Path(path), None, kept and folder / kept))
        case "syncing", [path, token]:
            promised.syncing[token] = [each for each in promised.changes if each.path.parent == Path(path)]
        case "folder", [token]:
            durable = {id(each) for each in promised.syncing.pop(token)}
            promised.changes = [each for each in promised.changes if id(each) not in durable]
        case "killed", [point]:
            promised.killed_at.append(point)
        case "failed", [call]:
            promised.failed.append(call)

"""Breaks shipper and service on purpose, one way after the other: the chaos must find every one.

``python -m tests.shipper.chaos.mutants [NAME ...]``. One that nobody finds says that the oracle has a hole.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.faults.mutants import ROOT, Edit, Mutant, MutantOutdated

_SECONDS: Final = 15
_SEEDS: Final = (1, 2, 3)
_WRITING: Final = "shipper/logweir/spool/writing.py"
_SENDER: Final = "shipper/logweir/sender.py"

MUTANTS: Final = {
    "streams of dead processes are not adopted": Mutant(
        Edit(
            "shipper/logweir/spool/adoption.py",
            "elif path not in beside and",
            "elif not path and path not in beside and",
        ),
    ),
    "the service stores what it knows": Mutant(
        Edit(
            "service/logweir_service/pipeline/staging.py",
            "known = journal.known_of(",
            "known = 0 * journal.known_of(",
        ),
    ),
    "the mark behind the last whole line moves with every 50th event": Mutant(
        Edit(_WRITING, "    _writer: Writer | None\n", '    _held = b""\n    _writer: Writer | None\n'),
        Edit(
            _WRITING,
            "                    self._map[start:end] = line\n                    marks[END] = end\n",
            "                    self._held += line\n"
            "                    end = start + len(self._held)\n"
            '                    if self._held.count(b"\\n") >= 50 and end <= self._limit:\n'
            "                        self._map[start:end] = self._held\n"
            "                        marks[END] = end\n"
            '                        self._held = b""\n',
        ),
    ),
    "a forked child goes on with the stream of its parent": Mutant(
        Edit(_SENDER, "        after_fork_in_child(self._begin_again)\n", ""),
        Edit("shipper/logweir/fork.py", "        page.madvise(_WIPE_ON_FORK)\n", ""),
    ),
    "an adopted stream is sent under a new name": Mutant(
        Edit(
            "shipper/logweir/spool/stream.py",
            "            stream._take_up()\n",
            "            stream._take_up()\n            stream.open_stream()\n",
        ),
    ),
}
"""By what is wrong with them; files from the root of the repository on."""


def make(mutant: Mutant, folder: Path) -> None:
    """Write a mutant of both packages.

    Raises:
        MutantOutdated: they are written in another way than the mutant knows.
    """
    for part in ("service", "shipper"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    for edit in mutant.edits:
        path = folder / edit.file
        text = path.read_text()
        if text.count(edit.old) != 1:
            raise MutantOutdated(f"{edit.file} holds {text.count(edit.old)} times: {edit.old.strip()}")
        path.write_text(text.replace(edit.old, edit.new))


def hunt(folder: Path) -> str | None:
    """What the chaos finds in a mutant, or None where it finds nothing."""
    paths = [str(folder / "service"), str(folder / "shipper"), str(ROOT)]
    for seed in _SEEDS:
        command = [sys.executable, "-m", "tests.shipper.chaos"]
        ran = subprocess.run(
            [*command, "--seconds", str(_SECONDS), "--seed", str(seed)],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths), "TMPDIR": str(folder)},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        if not ran.stdout.startswith("seed"):
            raise RuntimeError(f"the chaos itself failed:\n{ran.stdout}{ran.stderr}")
        if ran.returncode:
            return ran.stdout.splitlines()[1].strip()
    return None


def main() -> int:
    """Hunt all mutants, or those named; exits 1 where one gets away."""
    free = []
    for name in sys.argv[1:] or MUTANTS:
        folder = Path(tempfile.mkdtemp(prefix="mutant-"))
        try:
            make(MUTANTS[name], folder)
            found = hunt(folder)
        finally:
            shutil.rmtree(folder)
        if found is None:
            free.append(name)
        sys.stdout.write(f"{name}: {f'caught: {found}' if found else 'GOT AWAY'}\n")
        sys.stdout.flush()
    sys.stdout.write(f"{len(free)} mutants got away\n" if free else "every mutant is caught\n")
    return 1 if free else 0


if __name__ == "__main__":
    sys.exit(main())

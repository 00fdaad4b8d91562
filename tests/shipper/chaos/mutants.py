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
_SEGMENT: Final = "shipper/logweir/spool/segment.py"
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
        Edit(
            _SEGMENT,
            '("_map", "_marks", "limit", "room")',
            '("_end", "_map", "_marks", "_puts", "limit", "room")',
        ),
        Edit(_SEGMENT, '.cast("Q")\n', '.cast("Q")\n        self._end, self._puts = HEADER_BYTES, 0\n'),
        Edit(_SEGMENT, "        start = marks[END]\n", "        start = self._end\n"),
        Edit(
            _SEGMENT,
            "        marks[END] = end\n",
            "        self._end = end\n"
            "        self._puts += 1\n"
            "        if self._puts % 50 == 0:\n"
            "            marks[END] = end\n",
        ),
        Edit(
            _SEGMENT,
            "        return self._marks[END]\n",
            "        self._marks[0]\n        return self._end\n",
        ),
        Edit(
            _SEGMENT,
            "        self._marks.release()\n",
            "        self._marks[END] = self._end\n        self._marks.release()\n",
        ),
    ),
    "a forked child goes on with the stream of its parent": Mutant(
        Edit(_SENDER, "        after_fork_in_child(self._begin_again)\n", ""),
        Edit(_SENDER, "if os.getpid() != self._pid:", "if os.getpid() == 0:"),
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

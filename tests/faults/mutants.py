"""Breaks the service on purpose, one way after the other: the kill loop must find every one.

``python -m tests.faults.mutants [NAME ...]``. A mutant is made in a copy of ``service/``; the loop runs on it
with other seeds until something is found. One that nobody finds says that the loop has a hole.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[2]
LOOP: Final = (sys.executable, "-m", "tests.faults.kill_loop")
_SECONDS: Final = 40
_SEEDS: Final = (1, 2, 3)


class Edit(NamedTuple):
    """A text of a file of ``service/logweir_service``, which must stand there once, and another for it."""

    file: str
    old: str
    new: str


class Mutant:
    """How it differs from the service, and with which options the loop is to look for that."""

    def __init__(self, *edits: Edit, options: Sequence[str] = ()) -> None:
        self.edits = edits
        self.options = options


class MutantOutdated(Exception):
    """The text that a mutant replaces is not there any more: bring the mutant up to date."""


MUTANTS: Final = {
    "answer without a sync": Mutant(
        Edit("journal/active.py", "            self._disk.fdatasync(self._file)\n", "            pass\n"),
    ),
    "count before the sync": Mutant(
        Edit(
            "pipeline/pipeline.py",
            "        letters = [letter for each in staged",
            "        for each in staged:\n"
            "            if each.lsn:\n"
            "                _ = [*self.numbers.derive(each.fresh.lines, group.received, None)]\n"
            "        letters = [letter for each in staged",
        ),
        Edit(
            "pipeline/pipeline.py",
            "for events in self.numbers.derive(each.fresh.lines, group.received, position):",
            "for events in self.counting(self.numbers.rules).derive(each.fresh.lines, group.received, None):",
        ),
    ),
    "checkpoint without the streams' marks": Mutant(
        Edit(
            "pipeline/state.py",
            "senders=journal.known.dump(),",
            "senders=KnownState(event_ids=journal.known.dump().event_ids),",
        ),
    ),
    "checkpoint without the window of event_id": Mutant(
        Edit(
            "pipeline/state.py",
            "senders=journal.known.dump(),",
            "senders=KnownState(journal.known.dump().open, journal.known.dump().closed),",
        ),
    ),
    "checkpoint without its position": Mutant(
        Edit("pipeline/state.py", "position=journal.position,", "position=Position(0, 0, 0),"),
    ),
    "checkpoint with the position of the next group": Mutant(
        Edit(
            "pipeline/state.py",
            "position=journal.position,",
            "position=journal.position._replace(last_lsn=journal.position.last_lsn + 1),",
        ),
    ),
    "no check of the CRC": Mutant(
        Edit("journal/format.py", "return bool(key) and rest == ", "return bool(key) or rest == "),
    ),
    "tail replayed under today's rules": Mutant(
        Edit(
            "pipeline/recovery.py",
            "        before = numbers or self.counting(rules)\n",
            "        before = self._switch(numbers, rules) if numbers else self.counting(rules)\n",
        ),
    ),
    "marks of a refused group kept": Mutant(
        Edit(
            "journal/journal.py",
            "            group.marks[position.stream] = Mark.of",
            "            self.known.take(commit)\n            group.marks[position.stream] = Mark.of",
        ),
    ),
    "event_id of a refused group kept": Mutant(
        Edit(
            "journal/journal.py",
            "        group.event_ids.update(dict.fromkeys(event_ids))\n",
            "        group.event_ids.update(dict.fromkeys(event_ids))\n"
            "        self.known.event_ids.add(event_ids, group.received)\n",
        ),
    ),
    "group blind to its own marks": Mutant(
        Edit(
            "journal/journal.py",
            "return group.marks.get(stream) or self.known.marks.get(stream)",
            "return self.known.marks.get(stream)",
        ),
    ),
    "no cut back after a failed write": Mutant(
        Edit(
            "journal/active.py",
            "            self._cut_back(error)\n            raise\n",
            "            raise\n",
        ),
    ),
    "torn tail left in place": Mutant(
        Edit("journal/tail.py", "            self._folder.disk.truncate(file, end)\n", "            pass\n"),
    ),
    "tail of a killed process not synced": Mutant(
        Edit(
            "journal/active.py",
            "        disk.fsync(file)\n        disk.sync_folder(segment.path.parent)\n",
            "",
        ),
        options=("--pairs",),
    ),
    "name of a new segment not synced": Mutant(
        Edit("journal/active.py", "            disk.sync_folder(folder)\n", "            pass\n"),
    ),
}
"""By what is wrong with them."""

_FIGURES = re.compile(r"^seed \d+: (\d+ kills).*?(\d+ lost, \d+ doubled, \d+ backward)", re.MULTILINE)


def make(mutant: Mutant, folder: Path) -> None:
    """Write a mutant of the service.

    Raises:
        MutantOutdated: the service is written in another way than the mutant knows.
    """
    shutil.copytree(ROOT / "service", folder, ignore=shutil.ignore_patterns("__pycache__"))
    for edit in mutant.edits:
        path = folder / "logweir_service" / edit.file
        text = path.read_text()
        if text.count(edit.old) != 1:
            raise MutantOutdated(f"{edit.file} holds {text.count(edit.old)} times: {edit.old.strip()}")
        path.write_text(text.replace(edit.old, edit.new))


def hunt(service: Path, options: Sequence[str]) -> str | None:
    """What the loop finds in a service, or None where it finds nothing."""
    paths = [str(service), str(ROOT / "shipper"), str(ROOT)]
    for seed in _SEEDS:
        ran = subprocess.run(
            [*LOOP, "--seconds", str(_SECONDS), "--seed", str(seed), *options],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths), "TMPDIR": str(service.parent)},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        figures = _FIGURES.search(ran.stdout)
        if figures is None:
            raise RuntimeError(f"the loop itself failed:\n{ran.stdout}{ran.stderr}")
        if ran.returncode:
            fault = ran.stdout.splitlines()[1]
            return f"after {figures[1]} ({figures[2]}): {fault}"
    return None


def main() -> int:
    """Hunt all mutants, or those named; exits 1 where one gets away."""
    free = []
    for name in sys.argv[1:] or MUTANTS:
        folder = Path(tempfile.mkdtemp(prefix="mutant-"))
        try:
            make(MUTANTS[name], folder / "service")
            found = hunt(folder / "service", MUTANTS[name].options)
        finally:
            shutil.rmtree(folder)
        if found is None:
            free.append(name)
        sys.stdout.write(f"{name}: {f'caught {found}' if found else 'GOT AWAY'}\n")
        sys.stdout.flush()
    sys.stdout.write(
        f"{len(free)} mutants got away: {', '.join(free)}\n" if free else "every mutant is caught\n"
    )
    return 1 if free else 0


if __name__ == "__main__":
    sys.exit(main())

"""Journals to be damaged: groups written, and the folder opened again as a restart does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from logweir_service.journal import DataFolder, Group, Journal, Position, Recovery, StreamPosition, crc32
from logweir_service.journal.known import KnownState

RECEIVED = 1_790_000_000.25


@contextmanager
def opened(
    folder: DataFolder,
    *,
    max_segment_bytes: int = 64 << 20,
    position: Position | None = None,
    known: KnownState | None = None,
) -> Iterator[tuple[Journal, Recovery, list[bytes]]]:
    """The journal of a folder, what its recovery reports, and the lines that were replayed."""
    journal = Journal(folder, max_segment_bytes=max_segment_bytes)
    lines: list[bytes] = []

    def apply(located, segment_first_lsn):
        lines.extend(located.lines.split(b"\n")[:-1])

    try:
        yield journal, journal.recover(apply, position=position, known=known), lines
    finally:
        journal.close()


def commit(
    journal: Journal,
    *batches: Sequence[bytes],
    received: float = RECEIVED,
    position: StreamPosition | None = None,
) -> Group:
    """Commit the batches, each a list of lines, as one group."""
    group = journal.begin(received)
    for lines in batches:
        text = b"".join(line + b"\n" for line in lines)
        journal.append(group, text, count=len(lines), lines_crc32=crc32(text), position=position)
    journal.write(group)
    journal.settle(group)
    return group


def numbered(count: int, *, first: int = 1) -> list[bytes]:
    """Lines that tell their commit's number."""
    return [b'{"n":%d}' % number for number in range(first, first + count)]


def write_journal(folder: DataFolder, commits: int, *, max_segment_bytes: int = 64 << 20) -> list[Position]:
    """Commit `numbered` lines one by one; returns the position behind each, from that before the first on."""
    with opened(folder, max_segment_bytes=max_segment_bytes) as (journal, _, _):
        positions = [journal.position]
        for line in numbered(commits):
            commit(journal, [line])
            positions.append(journal.position)
    return positions


def segment_paths(folder: DataFolder) -> list[Path]:
    """The files of the journal, oldest first."""
    return sorted(folder.journal.glob("*.ndjson"))


def flip(path: Path, place: int) -> None:
    """Flip a bit of the byte at a place."""
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def damage(path: Path, line: bytes) -> None:
    """Let a line read as another of the same length."""
    content = path.read_bytes()
    assert content.count(line) == 1
    path.write_bytes(content.replace(line, line.replace(b"n", b"m")))


def recovered(folder: DataFolder) -> tuple[Journal, Recovery, list[bytes]]:
    """Open the folder again, as a restart does: the journal, its report, the lines replayed."""
    journal = Journal(folder)
    lines: list[bytes] = []

    def apply(located, segment_first_lsn):
        lines.extend(located.lines.split(b"\n")[:-1])

    report = journal.recover(apply)
    return journal, report, lines


def only_segment(folder: DataFolder) -> Path:
    """The one file of a journal that has one."""
    (path,) = folder.journal.glob("*.ndjson")
    return path

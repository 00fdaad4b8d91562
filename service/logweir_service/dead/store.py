"""The only writer of dead letters: what it keeps is durable, what it cannot keep is counted."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from logweir_service.disk import Disk, write_all

from .allowance import Allowance
from .letter import Letter, NewLetter, decode_letter, encode_letter
from .reader import LetterFile, letter_files
from .retried import Retried

MAX_BYTES: Final = 64 << 20
"""Of all files; the oldest goes first."""

MAX_FILE_BYTES: Final = 8 << 20
"""A file is closed behind the letter that reaches this."""

BURST_BYTES: Final = 24 << 20
BYTES_PER_SECOND: Final = 256 << 10
"""A whole body of refused events is kept, a lasting flood of them is not."""

SCRUB_SECONDS: Final = 2.0
"""What the letters of one group may take to be scrubbed, while its commit waits: an ordinary whole body takes
less, one made to be slow would take five times as long."""

_LETTER_BYTES: Final = 200
"""What a letter costs besides its line."""

_REST_SECONDS: Final = 5.0
"""After a fault of the disk, letters are dropped for this long: the batches that wait come first."""

_QUIET_SECONDS: Final = 60.0
"""One line of log for all that is dropped in this time."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Active:
    """The file that is written to."""

    file: int
    path: Path
    size: int
    """Its durable bytes."""


class DeadLetters:
    """Keeps refused events in files of NDJSON, the newest `max_bytes` of them.

    One thread writes; `kept` and `dropped` may be read by any.
    """

    def __init__(
        self,
        folder: Path,
        *,
        scrub: Callable[[bytes], bytes],
        disk: Disk,
        max_bytes: int = MAX_BYTES,
        max_file_bytes: int = MAX_FILE_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.kept = 0
        """Letters made durable by this process."""
        self.dropped = {"disk": 0, "evicted": 0, "fault": 0, "flood": 0}
        """Letters that are not, or no longer, kept, by reason."""
        self._folder = folder
        self.scrub = scrub
        """Takes secrets out of what is kept."""
        self._disk = disk
        self._max_bytes = max_bytes
        self._max_file_bytes = max_file_bytes
        self._clock = clock
        self._allowance = Allowance(burst_bytes=BURST_BYTES, bytes_per_second=BYTES_PER_SECOND, clock=clock)
        self._next_id = 0
        """0 until the folder was looked at."""
        self._active: _Active | None = None
        self._rests_until = self._quiet_until = -1.0

    def write(self, new: Sequence[NewLetter], *, received: float) -> None:
        """Make these letters durable; returns when they are, or when it is known that they will not be.

        It never fails: a batch is worth more than what was refused of it.
        """
        allowed = [each for each in new if self._allowance.take(len(each.line) + _LETTER_BYTES)]
        self._drop("flood", len(new) - len(allowed), "more is refused than can be kept")
        if self._clock() < self._rests_until:
            self._drop("disk", len(allowed), "the disk failed a moment ago")
            return
        kept_before, why = self.kept, ("disk", "")
        try:
            if allowed and not self._next_id:
                self._open()
            for part in self._parts(allowed, received):
                self._append(part)
            why = ("flood", "to scrub them took too long")
        except OSError as error:
            self._rests_until = self._clock() + _REST_SECONDS
            why = ("disk", f"{self._folder}: {error.strerror}")
        except Exception as fault:  # noqa: BLE001 - counted and told below; the batch goes on
            why = ("fault", f"a fault of the service's own: {fault!r}")
        self._drop(why[0], len(allowed) - (self.kept - kept_before), why[1])

    def close(self) -> None:
        """Let go of the file."""
        if self._active is not None:
            self._disk.close(self._active.file)
            self._active = None

    def _open(self) -> None:
        """Go on where the last process ended, behind its last whole letter."""
        self._folder.mkdir(exist_ok=True)
        self._disk.sync_folder(self._folder.parent)
        next_id = max(Retried(self._folder).ids(), default=0) + 1
        if files := letter_files(self._folder):
            newest = files[-1]
            content = newest.path.read_bytes()
            size = content.rfind(b"\n") + 1
            last = decode_letter(content[content.rfind(b"\n", 0, size - 1) + 1 : size]) if size else None
            next_id = max(newest.first_id + content.count(b"\n"), next_id, last.id + 1 if last else 0)
            self._active = self._reopen(newest.path, size, torn=size < len(content))
        self._next_id = next_id

    def _reopen(self, path: Path, size: int, *, torn: bool) -> _Active:
        file = self._disk.open(path, os.O_WRONLY | os.O_APPEND)
        try:
            if torn:
                self._disk.truncate(file, size)
        except OSError:
            self._disk.close(file)
            raise
        return _Active(file, path, size)

    def _parts(self, new: Sequence[NewLetter], received: float) -> Iterator[list[bytes]]:
        """The letters as lines, as many at a time as the file still takes, and as time is left to scrub."""
        part: list[bytes] = []
        size, left_seconds = 0, SCRUB_SECONDS
        for each in new:
            if left_seconds <= 0:
                break
            began = self._clock()
            letter = Letter.of(each, letter_id=self._next_id + len(part), received=received, scrub=self.scrub)
            left_seconds -= self._clock() - began
            part.append(encode_letter(letter))
            size += len(part[-1])
            if size + (self._active.size if self._active else 0) >= self._max_file_bytes:
                yield part
                part, size = [], 0
        if part:
            yield part

    def _append(self, part: list[bytes]) -> None:
        """Write lines, all of them or none.

        A file is not used again once a sync of it has failed, nor an id that may have reached the disk.
        """
        active = self._writable()
        first_id = self._next_id
        self._next_id += len(part)
        try:
            written = write_all(self._disk, active.file, part)
        except OSError:
            if self._cut_back(active):
                self._next_id = first_id
            else:
                self._abandon(active)
            raise
        try:
            self._disk.fdatasync(active.file)
        except OSError:
            self._cut_back(active)
            self._abandon(active)
            raise
        active.size += written
        self.kept += len(part)

    def _writable(self) -> _Active:
        if self._active is not None and self._active.size >= self._max_file_bytes:
            self.close()
        if self._active is None:
            self._evict()
            path = LetterFile.named(self._folder, self._next_id).path
            file = self._disk.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_TRUNC)
            self._active = _Active(file, path, 0)
            try:
                self._disk.sync_folder(self._folder)
            except OSError:
                self._abandon(self._active)
                raise
        return self._active

    def _cut_back(self, active: _Active) -> bool:
        """Take back what may have been written in part; where that fails, readers pass over it."""
        try:
            self._disk.truncate(active.file, active.size)
        except OSError as error:
            log.warning("%s cannot be cut back: %s", active.path, error.strerror)
            return False
        return True

    def _abandon(self, active: _Active) -> None:
        """Let go of a file that cannot be trusted any more; the next letter begins another one."""
        self.close()
        if active.size == 0:
            try:
                self._disk.unlink(active.path)
            except OSError as error:
                log.warning("%s cannot be removed: %s", active.path, error.strerror)

    def _evict(self) -> None:
        """Make room for one more file."""
        files = letter_files(self._folder)
        sizes = [file.path.stat().st_size for file in files]
        excess = sum(sizes) + self._max_file_bytes - self._max_bytes
        ends = [*(file.first_id for file in files[1:]), self._next_id]
        for file, size, end in zip(files, sizes, ends, strict=False):
            if excess <= 0:
                return
            self._disk.unlink(file.path)
            excess -= size
            self._drop("evicted", end - file.first_id, "newer ones took their room")

    def _drop(self, reason: str, count: int, why: str) -> None:
        if count <= 0:
            return
        self.dropped[reason] += count
        now = self._clock()
        if now >= self._quiet_until:
            self._quiet_until = now + _QUIET_SECONDS
            log.warning("%d refused events were dropped from the dead letters: %s", count, why)

"""The queue on disk, as the sender sees it: streams to send, to end, to adopt, and what to do ahead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from logweir.source import Source
from logweir.spool.adoption import folder_bytes, orphans
from logweir.spool.stream import Stream
from logweir.spool.writing import MEND_SECONDS, Writing

FULL_BATCH_BYTES: Final = 256 * 1024
ADOPT_SECONDS: Final = 30.0
SYNC_SECONDS: Final = 1.0
MAX_ADOPTED: Final = 4
"""Streams of dead processes that are sent at the same time."""


class Spool(Writing):
    """A queue of encoded events on disk: `put` from any thread, the rest from the sender alone.

    It keeps what a `Backlog` promises.
    """

    def close_stream(self) -> None:
        """Let a control line end the stream after what is there; the next event opens another."""
        with self._change() as whole:
            if whole:
                self._end_stream()
                if self._memory.next_number > 1 or not self._memory.is_empty():
                    self._memory.close_stream()

    def sources(self) -> list[Source]:
        """What is to be sent of this process, the oldest first."""
        waiting: list[Source] = []
        waiting += [stream for stream in self._own[:] if not stream.is_empty()][:1]
        if not self._memory.is_empty():
            waiting.append(self._memory)
            waiting.sort(key=_age)
        return waiting

    def finish(self, source: Source) -> bool:
        """Delete a stream whose end is acknowledged, and one of a dead process."""
        if not isinstance(source, Stream) or not (source.finished or source in self.adopted):
            return False
        stream = source
        if stream in self._own:
            self._own.remove(stream)
            self._released += stream.released  # in this order: a flush that looks in between waits on
        else:
            self.adopted.remove(stream)
            self._adopt_at = 0.0
        stream.remove()
        return True

    def has(self, source: Source) -> bool:
        """Whether `source` was neither finished nor given up."""
        return source is self._memory or source in self._own or source in self.adopted

    def upkeep(self) -> float:
        """What the sender does for the application's threads ahead of time. Returns when to do it again."""
        now = self._clock()
        for stream in (*self._own, *self.adopted):
            if stream.has_vanished():
                self._forget(stream)
        if self._lost and all(stream.is_empty() for stream in self._own):
            self.tell_loss()
        if self._wants_spare and self._spare is None:
            self._prepare()
        if self._broken and now >= self._mend_at:
            self._mend()
        if now >= self._adopt_at and self._own:
            self._adopt_at = now + ADOPT_SECONDS
            self._others_bytes = folder_bytes(self._folder, beside=[each.folder for each in self._own])
            mine = {each.folder for each in (*self._own, *self.adopted)}
            for stream in orphans(self._folder, beside=mine, most=MAX_ADOPTED - len(self.adopted)):
                if stream.is_too_old():
                    self._tally.add("expired", "info", stream.count())
                    self._notices.say("expired", f"{stream.folder} is older than 72 hours, and deleted")
                    stream.remove()
                else:
                    self.adopted.append(stream)
        due_at = self._mend_at if self._broken else self._adopt_at
        if self._plan.sync and not self.is_empty():
            self.sync()
            due_at = min(due_at, now + SYNC_SECONDS)
        return due_at - now

    def sync(self) -> None:
        """Bring what waits to the disk itself, where that is promised."""
        if self._plan.sync:
            try:
                for stream in self._own[:]:
                    stream.sync()
            except OSError as fault:
                self._notices.say("sync", f"the spool in {self._folder} could not be synced: {fault}")

    def _forget(self, stream: Stream) -> None:
        """Go on without a stream of which somebody has deleted files; what is left of it can be adopted."""
        self._notices.say(
            "vanished", f"{stream.folder} or a file in it was deleted, with the events that waited there"
        )
        with self._change() as whole:
            if not whole:
                return
            if stream is self._stream:
                self._stream = self._spare = None
                self._stop_writing()
            if stream in self._own:
                self._own.remove(stream)
                self._released += stream.released
            else:
                self.adopted.remove(stream)
        stream.close()

    def _prepare(self) -> None:
        """Allocate the next segment."""
        stream = self._stream
        size = self._next_size()
        if stream is None or self.used_bytes + self._others_bytes + size > self._plan.max_bytes:
            return
        try:
            spare = stream.add_segment(size, mapped=self._may_map())
        except OSError:
            return  # tried again where it is needed, and told there
        with self._lock:
            if self._stream is stream and self._spare is None and spare.path > stream.segments[-1].path:
                self._spare = spare
                return
        stream.discard(spare)

    def _mend(self) -> None:
        """Try whether the disk takes events again."""
        self._mend_at = self._clock() + MEND_SECONDS
        with self._change() as whole:
            if not whole:
                return
            try:
                self._roll(b"", "critical")
            except (OSError, ValueError) as fault:
                self._break(fault)
            else:
                self._broken = False

    def has_full_chunk(self) -> bool:
        """Whether there is a reason to send before the collecting time is over."""
        own = self._own[:]
        if len(own) > 1 or not self._memory.is_empty():
            return True
        if not own or not own[0].segments:
            return False
        segments = own[0].segments
        return len(segments) > 1 or segments[0].end - segments[0].acked >= FULL_BATCH_BYTES

    def sleep_if_empty(self, fall_asleep: Callable[[], None]) -> bool:
        """Where nothing waits, call `fall_asleep` and be true; from then on the next event calls `wake`."""
        with self._change():
            if not self.is_empty():
                return False
            self._asleep = True
            self._accepted = self.released
            fall_asleep()
            return True

    def let_go_of_adopted(self) -> None:
        """Leave the streams of dead processes to another."""
        for stream in self.adopted:
            stream.close()
        self.adopted.clear()

    @property
    def is_open(self) -> bool:
        """Whether a stream was begun and not ended."""
        return self._stream is not None or self._memory.next_number > 1 or not self.is_empty()

    @property
    def accepted(self) -> int:
        """Events put so far, dropped ones included."""
        return self._accepted + len(self._aside)

    @property
    def released(self) -> int:
        """Of those, what is delivered or given up."""
        own = sum(stream.released for stream in self._own[:])
        return self._released + own + self._memory.released

    @property
    def queued(self) -> int:
        """Events that wait, dropped ones whose loss is not yet reported included."""
        return max(0, self.accepted - self.released)

    @property
    def free_share(self) -> float:
        """The part of the room that is free, from 0 to 1."""
        return 1 - (self.used_bytes + self._others_bytes) / self._plan.max_bytes


def _age(source: Source) -> bytes:
    """The time at the beginning of the first line, as text that sorts."""
    return b"".join(bytes(chunk.data[:42]) for chunk in source.front(max_lines=1, max_bytes=1)[:1])

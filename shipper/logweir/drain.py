"""Send what dead processes have left in a spool: for a sidecar, or before a volume goes away."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from logweir.delivery import Counts, Delivery
from logweir.notices import Notices
from logweir.post import Post
from logweir.spool.adoption import is_locked, orphans, streams_in
from logweir.spool.stream import Stream
from logweir.tally import Tally
from logweir.verdict import backoff_seconds

POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Drained:
    """What became of a spool's streams."""

    delivered: int
    left: int
    """Streams that could not be delivered in time."""
    in_use: int
    """Streams whose processes live and send for themselves."""
    counts: Counts
    tally: Tally


def drain(
    folder: Path,
    post: Post,
    *,
    timeout_seconds: float,
    notices: Notices,
    backoff: Callable[[int], float] = backoff_seconds,
) -> Drained:
    """Deliver all streams of all services in the spool `folder` whose processes are dead.

    Raises OSError where `folder`, or what a service has in it, cannot be read.
    """
    counts, tally = Counts(), Tally()
    deadline = time.monotonic() + timeout_seconds
    services = sorted(path for path in folder.iterdir() if path.is_dir())
    for each in services:
        next(each.iterdir(), None)  # what cannot be read is passed over below, and would seem empty
    streams = [stream for each in services for stream in orphans(each, beside=(), most=1_000_000)]
    in_use = sum(is_locked(path) for each in services for path in streams_in(each)) - len(streams)
    for stream in [each for each in streams if each.is_too_old()]:
        tally.add("expired", "info", stream.count())
        streams.remove(stream)
        stream.remove()
    waiting = {
        stream: Delivery(
            stream, post, counts=counts, tally=tally, notices=notices, backoff=backoff, late=True
        )
        for stream in streams
    }
    again_at = dict.fromkeys(streams, 0.0)
    while waiting and time.monotonic() < deadline:
        for stream, delivery in tuple(waiting.items()):
            remaining = deadline - time.monotonic()
            if again_at[stream] > time.monotonic() or remaining <= 0:
                continue
            again_at[stream] = time.monotonic() + delivery.step(timeout_seconds=remaining)
            if _is_done(stream):
                del waiting[stream]
        time.sleep(POLL_SECONDS)
    for stream in waiting:
        stream.close()
    return Drained(len(streams) - len(waiting), len(waiting), in_use, counts, tally)


def _is_done(stream: Stream) -> bool:
    done = stream.is_empty()
    if done:
        stream.remove()
    return done

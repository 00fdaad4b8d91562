"""A status as a person reads it at three in the morning: one line a thing, what is wrong first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from logweir_service.find import visible

from .model import Status

STALE_CHECKPOINT_SECONDS: Final = 60.0
"""A running service writes one every few seconds, if anything came in."""

STALE_PROMOTION_SECONDS: Final = 900.0
"""An error that waits longer than this for Sentry is late."""

RECENT_LOSS_SECONDS: Final = 86_400.0
"""What was lost longer ago is told, but nobody has to look again."""

_NAME_WIDTH: Final = 10


class Line(NamedTuple):
    """One line, and whether somebody should look."""

    name: str
    text: str
    is_trouble: bool = False


def has_trouble(status: Status) -> bool:
    """Whether anything is marked."""
    return any(line.is_trouble for line in lines(status))


def render_status(status: Status) -> Iterator[str]:
    """The lines to print; those with trouble come first, marked with ``!``."""
    for line in lines(status):
        yield f"{'!' if line.is_trouble else ' '} {line.name:{_NAME_WIDTH}}  {visible(line.text)}"


def lines(status: Status) -> list[Line]:
    """All that is told; what has trouble comes first."""
    return sorted(_lines(status), key=lambda line: not line.is_trouble)


def _lines(status: Status) -> Iterator[Line]:
    yield _service(status)
    yield _journal(status)
    yield _checkpoint(status)
    yield _promotion(status)
    yield _streams(status)
    yield _letters(status)
    yield _disk(status)
    yield from _overflows(status)
    yield from _losses(status)


def _service(status: Status) -> Line:
    parts = [
        "ended without stopping (killed?)" if status.state == "ended" else status.state.replace("_", " ")
    ]
    if status.version is not None:
        parts.append(f"logweir {status.version}")
    if status.pid is not None:
        parts.append(f"pid {status.pid}")
    told = ", ".join(parts) + (f": {status.why}" if status.why else "")
    return Line("service", told, status.state not in ("ready", "running", "stopped"))


def _journal(status: Status) -> Line:
    journal = status.journal
    damaged = f"; {count(journal.damaged, 'damaged segment')} set aside" if journal.damaged else ""
    newest = max(journal.last_lsn, status.checkpoint.lsn if status.checkpoint else 0)
    if journal.segments == 0 and (newest or status.checkpoint or status.unusable_checkpoints):
        before = f"commit {newest:,} was written" if newest else "there is a checkpoint"
        return Line("journal", f"no segments, though {before}{damaged}", True)
    if newest == 0 and not damaged:
        return Line("journal", "empty")
    oldest = f", from {journal.oldest[:19].replace('T', ' ')} UTC on" if journal.oldest else ""
    told = f"commit {journal.last_lsn:,}, {count(journal.segments, 'segment')}, {size(journal.bytes)}{oldest}"
    if newest > journal.last_lsn:
        damaged += f"; ends before commit {newest:,}, which the checkpoint knows"
    for each in journal.damage:
        damaged += f"; damaged, {each}"
    if journal.resets:
        damaged += "; no checkpoint covers that, so a start lets all counters begin at 0"
    return Line("journal", told + damaged, bool(damaged))


def _checkpoint(status: Status) -> Line:
    checkpoint, unusable = status.checkpoint, status.unusable_checkpoints
    if checkpoint is None:
        told = f"none{_instead_of(unusable)}: a restart reads the whole journal"
        return Line("checkpoint", told, bool(unusable) or status.journal.last_lsn > 0)
    told = f"commit {checkpoint.lsn:,}, {age(checkpoint.age_seconds)} ago, {size(checkpoint.bytes)}"
    if checkpoint.behind_bytes == 0:
        return Line("checkpoint", f"{told}; nothing behind it{_instead_of(unusable)}", bool(unusable))
    told += f"; {size(checkpoint.behind_bytes)} to read after it{_instead_of(unusable)}"
    is_stale = status.state == "ready" and checkpoint.age_seconds > STALE_CHECKPOINT_SECONDS
    return Line("checkpoint", told, is_stale or bool(unusable))


def _instead_of(unusable: list[str]) -> str:
    """What is said of newer checkpoints, where there are any."""
    return f" ({'; '.join(unusable)})" if unusable else ""


def _promotion(status: Status) -> Line:
    promotion = status.promotion
    if promotion.sentry == "off":
        return Line("promotion", "off: errors are passed over")
    told = f"at commit {max(promotion.lsn - 1, 0):,}, {count(promotion.behind_commits, 'commit')} behind"
    oldest = promotion.oldest_age_seconds or 0.0
    if promotion.waiting:
        told += f"; {count(promotion.waiting, 'error')} known to wait, the oldest for {age(oldest)}"
    if promotion.sentry == "unusable":
        return Line("promotion", f"{told}; the DSN cannot be used, errors wait in the journal", True)
    if promotion.trouble:
        return Line("promotion", f"{told}; {promotion.trouble}", True)
    if promotion.sentry is None:
        told = f"saved {told}; whether it is on, the service tells (--url)"
    return Line("promotion", told, oldest > STALE_PROMOTION_SECONDS)


def _streams(status: Status) -> Line:
    streams = status.streams
    if streams is None:
        return Line("streams", "not known")
    both = streams.open + streams.closed
    return Line("streams", f"{both:,} remembered: {streams.open:,} open, {streams.closed:,} closed")


def _letters(status: Status) -> Line:
    letters = status.letters
    if letters.kept == 0:
        return Line("dead", "no letters")
    told = f"{count(letters.kept, 'letter')}, {size(letters.bytes)}"
    if letters.retried:
        told += f", {letters.retried:,} accepted since"
    return Line("dead", f"{told}; see them with `logweir dead ls`")


def _disk(status: Status) -> Line:
    disk = status.disk
    told = f"{size(disk.free_bytes)} free of {size(disk.total_bytes)}"
    ballast = ", ballast held" if disk.ballast else ", no ballast"
    if disk.min_free_bytes is not None and disk.free_bytes < disk.min_free_bytes:
        refused = f"; {size(disk.min_free_bytes)} have to stay free, so events are refused"
        return Line("disk", told + ballast + refused, True)
    return Line("disk", told + ballast)


def _overflows(status: Status) -> Iterator[Line]:
    for each in status.overflows:
        which = f"values of {each.label}" if each.label else "series"
        last = f", last {each.sample!r}" if each.sample else ""
        told = f"{count(each.events, 'event')} of {each.service} counted as __other__"
        yield Line("overflow", f"{each.metric}: {told}, too many {which}{last}")


def _losses(status: Status) -> Iterator[Line]:
    lost = {name: value for name, value in status.losses.items() if value}
    for name, value in lost.items():
        ago = status.losses_age_seconds.get(name)
        last = "" if ago is None else f", last seen {age(ago)} ago"
        yield Line("lost", f"{value:,.0f} {name}{last}", ago is not None and ago < RECENT_LOSS_SECONDS)
    if zero := len(status.losses) - len(lost):
        yield Line(
            "lost", f"nothing else ({zero} counters at 0)" if lost else f"nothing ({zero} counters at 0)"
        )


def count(number: int, noun: str) -> str:
    """``1,234 things``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def size(number: float) -> str:
    """Bytes as people say them: ``1.5 MB``."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "bytes" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"


def age(seconds: float) -> str:
    """A time as people say it: ``5 min``."""
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"

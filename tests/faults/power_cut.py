"""What a power cut leaves: all that was promised, and of the rest whatever a disk may make of it."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from .ledger import Promised, forget, read_ledger

Damage = Callable[[random.Random, bytes, int], bytes]
"""Of dice, the bytes that are not durable, and where they begin in their file: what is there afterwards."""


def cut_power(folder: Path, dice: random.Random) -> str:
    """Lose some of what is not durable, say what was done, and begin the ledger in `folder` anew."""
    promised = read_ledger(folder)
    done = [*_lose_bytes(promised, dice), *_lose_names(promised, dice)]
    forget(folder)
    return ", ".join(done)


def _lose_bytes(promised: Promised, dice: random.Random) -> list[str]:
    done = []
    for path, durable in promised.sizes.items():
        if not path.exists() or path.stat().st_size <= durable:
            continue
        damage = dice.choice(DAMAGES)
        with path.open("r+b") as file:
            file.seek(durable)
            left = damage(dice, file.read(), durable)
            file.seek(durable)
            file.write(left)
            file.truncate()
        done.append(f"{damage.__name__} {path.name} behind {durable}")
    return done


def _lose_names(promised: Promised, dice: random.Random) -> list[str]:
    """A journalling file system keeps the first so many of the changes, and loses those behind."""
    kept = dice.randint(0, len(promised.changes))
    for change in reversed(promised.changes[kept:]):
        change.undo()
    return [f"un{change.what} {change.path.name}" for change in promised.changes[kept:]]


def cut(dice: random.Random, tail: bytes, start: int) -> bytes:
    """The file ends at a random byte."""
    return tail[: dice.randrange(len(tail))]


def zeros(dice: random.Random, tail: bytes, start: int) -> bytes:
    """The size was noted, the content was not."""
    kept = dice.randrange(len(tail))
    return tail[:kept] + bytes(len(tail) - kept)


def garbage(dice: random.Random, tail: bytes, start: int) -> bytes:
    """What stood on those blocks before."""
    kept = dice.randrange(len(tail))
    return tail[:kept] + dice.randbytes(len(tail) - kept)


def lost_sectors(dice: random.Random, tail: bytes, start: int) -> bytes:
    """Some sectors in the middle never reached the disk, later ones did."""
    size = dice.choice((512, 4096))
    first = size - start % size
    ends = [0, *range(first, len(tail), size), len(tail)]
    sectors = [tail[begin:end] for begin, end in pairwise(ends)]
    lost = dice.sample(range(len(sectors)), dice.randint(1, len(sectors)))
    return b"".join(bytes(len(each)) if at in lost else each for at, each in enumerate(sectors))


def longer(dice: random.Random, tail: bytes, start: int) -> bytes:
    """Blocks reserved ahead became part of the file."""
    return tail + bytes(dice.choice((1, 511, 4096, 70_000)))


DAMAGES: tuple[Damage, ...] = (cut, cut, zeros, garbage, lost_sectors, lost_sectors, longer)

"""What a checkpoint holds: all that the service knows between two groups."""

from __future__ import annotations

import msgspec

from logweir_service.derive import DerivationState
from logweir_service.journal import Journal, KnownState, Position
from logweir_service.rules import RuleSource

from .numbers import Numbers


class State(msgspec.Struct, frozen=True):
    """The body of a checkpoint."""

    position: Position
    """The commits up to here are in it."""
    rules: tuple[RuleSource, ...]
    """The texts of the rules in force: what follows in the journal was counted under them."""
    pack_labels: tuple[str, ...] | None
    senders: KnownState
    numbers: DerivationState
    losses: dict[str, float]
    """What was lost, by metric and labels, since the journal began; for `logweir status` alone."""
    losses_seen: dict[str, float] = {}
    """When each of these was last seen to grow, in seconds since the epoch."""


_decoder = msgspec.json.Decoder(State)
_encoder = msgspec.json.Encoder()


def encode(
    journal: Journal, numbers: Numbers, losses: dict[str, float], losses_seen: dict[str, float]
) -> bytes:
    """The state as it is now, on one line; callers see to it that no group is half taken."""
    state = State(
        position=journal.position,
        rules=numbers.rules.sources,
        pack_labels=numbers.rules.pack_labels,
        senders=journal.known.dump(),
        numbers=numbers.derivation.dump(),
        losses=losses,
        losses_seen=losses_seen,
    )
    return _encoder.encode(state) + b"\n"


def decode(body: bytes) -> State:
    """The state that a checkpoint holds.

    Raises:
        ValueError: it holds none that this version can read.
    """
    return _decoder.decode(body)

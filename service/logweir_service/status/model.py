"""Where a service stands: the same told by the running process and read from its folder."""

from __future__ import annotations

from typing import Literal

import msgspec

from .trends import Rates, Trends

State = Literal["ready", "starting", "not_ready", "running", "stopped", "ended"]
"""A folder tells no more than whether a process owns it: `running`, else whether the last one ended in order,
`stopped`, or without stopping, `ended`."""


class JournalStatus(msgspec.Struct, kw_only=True):
    """How far the journal goes, and what it takes."""

    last_lsn: int
    """The newest commit."""
    segments: int
    bytes: int
    oldest: str | None
    """When the oldest commit that is kept was received: RFC 3339, UTC."""
    compressed: int = 0
    """Of the segments, those that are compressed."""
    indexed: int = 0
    """Of the segments, those with an index of ids; the newest never has one."""
    damaged: int = 0
    """Segments that were set aside because they could not be read to their end."""
    damage: list[str] = []
    """One line for each damaged segment: of those at the journal's end as its files are, else as the running
    service has found them."""
    resets: bool = False
    """Some of it no checkpoint covers: the next start lets all derived counters begin at 0."""


class CheckpointStatus(msgspec.Struct, kw_only=True):
    """The newest checkpoint that can be used: what a restart begins with."""

    lsn: int
    age_seconds: float
    bytes: int
    behind_bytes: int
    """Of the journal, that a restart would have to read on."""


class PromotionStatus(msgspec.Struct, kw_only=True):
    """How far promotion has come; what only the process knows is None in the folder's words."""

    lsn: int
    """The commit to look at next."""
    behind_commits: int
    sentry: Literal["on", "off", "unusable"] | None = None
    waiting: int | None = None
    oldest_age_seconds: float | None = None
    trouble: str | None = None


class DiskStatus(msgspec.Struct, kw_only=True):
    """The room where the data folder lies."""

    free_bytes: int
    total_bytes: int
    min_free_bytes: int | None = None
    """Below it events are refused; None where that is not known."""
    ballast: bool
    """Whether room for the next checkpoint is held."""


class StreamsStatus(msgspec.Struct, kw_only=True):
    """Senders that are remembered."""

    open: int
    closed: int


class OverflowStatus(msgspec.Struct, kw_only=True):
    """Events whose labels were beyond a budget, so that they were counted as ``__other__``."""

    metric: str
    label: str
    """Whose values are too many; empty where no one label is to blame."""
    service: str
    events: int
    """Since the journal began."""
    sample: str = ""
    """The last value that was one too many, where that is known."""


class RetentionStatus(msgspec.Struct, kw_only=True):
    """What is kept of the journal."""

    max_age_days: float
    max_bytes: int
    on_full: Literal["reject", "drop_oldest"]
    held_bytes: int
    """What would go, had promotion read it."""


class RulesStatus(msgspec.Struct, kw_only=True):
    """The rules in force."""

    metrics: int
    promote: int
    store: int
    sources: list[str]


class SeriesStatus(msgspec.Struct, kw_only=True):
    """The derived series."""

    count: int
    max: int
    largest: dict[str, int]
    """The metrics with the most of them, the largest first."""


class SpeakerStatus(msgspec.Struct, kw_only=True):
    """A service that sends events, as far as it was heard since the process began."""

    service: str
    last_event: str
    """When its newest event happened: RFC 3339, UTC."""
    lag_seconds: float
    """From the newest event of its last batch to its receipt."""
    silent_seconds: float
    """Since that receipt."""
    catching_up: bool
    """Whether what it sends is old, as after an outage."""


class LettersStatus(msgspec.Struct, kw_only=True):
    """Refused events that are kept."""

    kept: int
    retried: int
    """Of these, accepted by a retry since."""
    bytes: int


class Status(msgspec.Struct, kw_only=True):
    """All of it."""

    state: State
    why: str = ""
    """Why no events are taken, where that is known."""
    version: str | None = None
    pid: int | None = None
    journal: JournalStatus
    checkpoint: CheckpointStatus | None = None
    unusable_checkpoints: list[str] = []
    """One line for each newer one that cannot be used."""
    promotion: PromotionStatus
    disk: DiskStatus
    streams: StreamsStatus | None = None
    letters: LettersStatus
    losses: dict[str, float] = {}
    """Every counter of losses, by name and labels, since the journal began; from a folder as of its
    checkpoint."""
    overflows: list[OverflowStatus] = []
    """Those with the most events, the worst first; a folder tells of none."""
    losses_age_seconds: dict[str, float] = {}
    """How long ago each was last seen to grow, where that is known."""
    rates: Rates | None = None
    """This, and what follows, only a running service tells."""
    speakers: list[SpeakerStatus] = []
    """Those heard last come first."""
    speakers_more: int = 0
    """How many others there are."""
    series: SeriesStatus | None = None
    retention: RetentionStatus | None = None
    rules: RulesStatus | None = None
    trends: Trends | None = None


_decoder = msgspec.json.Decoder(Status)


def encode_status(status: Status) -> bytes:
    """As JSON, on one line."""
    return msgspec.json.encode(status) + b"\n"


def decode_status(text: bytes) -> Status:
    """What a service has answered.

    Raises:
        ValueError: it is no status.
    """
    return _decoder.decode(text)

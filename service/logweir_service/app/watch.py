"""What the stages keep count of by themselves, as metrics of the service."""

from __future__ import annotations

from logweir_service.jobs.tailing import Tails
from logweir_service.pipeline import BOUNDS, Pipeline
from logweir_service.promote import Worker
from logweir_service.telemetry import Telemetry

from .indexing import Indexing


def watch(pipeline: Pipeline, promotion: Worker) -> None:
    """Expose what stages keep count of by themselves, read at each scrape."""
    _watch_journal(pipeline)
    _watch_losses(pipeline)
    _watch_keeper(pipeline)
    _watch_numbers(pipeline)
    _watch_promotion(pipeline.telemetry, promotion)


def watch_tails(telemetry: Telemetry, tails: Tails) -> None:
    """Expose how many people watch, and what they miss."""
    telemetry.watch("logweir_tails", "Live tails that are open.", lambda: tails.open)
    telemetry.watch_counts(
        "logweir_tail_dropped",
        "Events that live tails passed over because they could not keep up.",
        (),
        lambda: {(): tails.dropped},
    )


def watch_index(telemetry: Telemetry, indexing: Indexing) -> None:
    """Expose how far look-ups are served by an index."""
    telemetry.watch(
        "logweir_index_missing_segments", "Sealed segments that are scanned for now.", indexing.missing
    )
    telemetry.watch("logweir_index_bytes", "Bytes of all indexes of segments.", indexing.size_bytes)
    telemetry.watch_counts(
        "logweir_index_builds", "Indexes of segments built.", (), lambda: {(): indexing.builds}
    )
    telemetry.watch_counts(
        "logweir_index_failures",
        "Indexes of segments that could not be built.",
        (),
        lambda: {(): indexing.failures},
    )


def _watch_journal(pipeline: Pipeline) -> None:
    telemetry, journal = pipeline.telemetry, pipeline.journal
    telemetry.watch("logweir_journal_bytes", "Bytes of all segments.", lambda: journal.size_bytes)
    telemetry.watch("logweir_journal_last_lsn", "Number of the newest commit.", lambda: journal.last_lsn)
    telemetry.watch(
        "logweir_streams", "Streams whose marks are remembered.", lambda: len(journal.known.marks)
    )
    telemetry.watch(
        "logweir_journal_damaged_files",
        "Damaged segments that are kept aside.",
        lambda: sum(1 for _ in journal.folder.journal.glob("*.corrupt")),
    )
    dead = pipeline.dead
    telemetry.watch_counts(
        "logweir_dead_letters", "Refused events that were kept.", (), lambda: {(): dead.kept}
    )
    telemetry.watch_counts(
        "logweir_dead_letters_dropped",
        "Refused events that are not kept, or no longer, by reason.",
        ("reason",),
        lambda: dead.dropped,
    )


def _watch_losses(pipeline: Pipeline) -> None:
    telemetry, keeper, known = pipeline.telemetry, pipeline.keeper, pipeline.journal.known
    telemetry.watch_counts(
        "logweir_events_lost",
        "Events that are gone, by reason.",
        ("reason",),
        lambda: {
            "dropped_by_sender": known.losses.dropped_by_sender,
            "never_sent": known.losses.never_sent,
            "retention": keeper.lost_events,
        },
    )
    telemetry.watch_counts(
        "logweir_streams_joined_late",
        "Streams first seen behind their number 1.",
        (),
        lambda: {(): known.losses.joined_late},
    )
    telemetry.watch_counts(
        "logweir_streams_unclosed",
        "Streams forgotten after a week of silence although they never closed, by service.",
        ("service",),
        lambda: known.losses.unclosed,
    )
    telemetry.watch_counts(
        "logweir_streams_forgotten",
        "Streams forgotten early because there were too many.",
        (),
        lambda: {(): known.losses.forgotten},
    )


def _watch_keeper(pipeline: Pipeline) -> None:
    telemetry, keeper = pipeline.telemetry, pipeline.keeper
    telemetry.watch(
        "logweir_checkpoint_last_success_timestamp_seconds",
        "When the newest checkpoint was written.",
        lambda: keeper.last_written,
    )
    telemetry.watch("logweir_checkpoint_bytes", "Size of the newest checkpoint.", lambda: keeper.last_bytes)
    telemetry.watch(
        "logweir_journal_held_bytes",
        "Bytes that retention would remove, had promotion read them.",
        lambda: keeper.held_bytes,
    )
    telemetry.watch("logweir_disk_free_bytes", "What can still be written.", lambda: keeper.space.free_bytes)
    telemetry.watch(
        "logweir_disk_ballast", "1 where the ballast file is there.", lambda: keeper.space.has_ballast
    )
    telemetry.watch(
        "logweir_counters_reset",
        "1 where the derived counters began at 0 with this process.",
        lambda: bool(pipeline.resumed and pipeline.resumed.reset),
    )


def _watch_numbers(pipeline: Pipeline) -> None:
    telemetry, lag = pipeline.telemetry, pipeline.lag
    telemetry.watch_buckets(
        "logweir_event_lag_seconds",
        "From an event to its receipt.",
        lambda: (BOUNDS, lag.counts, lag.sum),
    )
    telemetry.watch_by(
        "logweir_catching_up",
        "1 while the newest events of a service are more than a minute old.",
        "service",
        lag.catching_up,
    )
    telemetry.watch_by(
        "logweir_source_last_event_timestamp_seconds",
        "When the newest event of a service happened.",
        "service",
        lag.last_events,
    )
    telemetry.watch("logweir_series", "Derived series.", pipeline.series)
    telemetry.watch_counts(
        "logweir_rule_skipped",
        "Events that a rule applied to but could not use, by rule and reason.",
        ("rule", "reason"),
        lambda: pipeline.numbers.derivation.skipped,
    )
    telemetry.watch_counts(
        "logweir_series_overflow",
        "Events counted under __other__ because a budget was spent, by culprit.",
        ("metric", "label", "service"),
        lambda: pipeline.numbers.derivation.overflowed,
    )


def _watch_promotion(telemetry: Telemetry, promotion: Worker) -> None:
    report = promotion.report
    telemetry.watch_counts(
        "logweir_promoted", "Errors that Sentry took.", (), lambda: {(): report().delivered}
    )
    telemetry.watch_counts(
        "logweir_promote_dead", "Errors that were given up, by reason.", ("reason",), lambda: report().dead
    )
    telemetry.watch_counts(
        "logweir_promote_retries", "Attempts that Sentry did not take.", (), lambda: {(): report().retries}
    )
    telemetry.watch_counts(
        "logweir_promote_repeats",
        "Errors not sent because the same exception object was sent before.",
        (),
        lambda: {(): report().repeats},
    )
    telemetry.watch("logweir_promote_waiting", "Errors known to wait for Sentry.", lambda: report().waiting)
    telemetry.watch(
        "logweir_promote_oldest_age_seconds",
        "Age of the oldest of them.",
        lambda: report().oldest_age_seconds,
    )

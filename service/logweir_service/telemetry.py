"""The service's own metrics, all named ``logweir_*``: stages return reports, the pipeline counts them here.

Own registry, so that two services can live in one process. ``docs/service-metrics.md`` lists them.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import version
from itertools import accumulate
from typing import Any, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client import metrics as prometheus_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics import exposition
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.utils import floatToGoString

_generate_openmetrics: Callable[[CollectorRegistry], bytes] = exposition.generate_latest
_without_created_series: Callable[[], None] = prometheus_metrics.disable_created_metrics
_COMMIT_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)


LOSSES = frozenset(
    {
        "logweir_events_lost_total",
        "logweir_events_rejected_total",
        "logweir_dead_letters_dropped_total",
        "logweir_streams_joined_late_total",
        "logweir_streams_unclosed_total",
        "logweir_streams_forgotten_total",
        "logweir_journal_damaged_segments_total",
        "logweir_journal_gaps_total",
        "logweir_checkpoints_unusable_total",
        "logweir_promote_dead_total",
    }
)
"""The counters that tell of a loss; ``docs/delivery.md`` says what each of them means."""


class Recovery(Protocol):
    """What a start has found in the journal."""

    @property
    def torn_tail_bytes(self) -> int:
        """Bytes of the batch that was being written."""

    @property
    def damaged(self) -> tuple[str, ...]:
        """One line for each damaged segment."""

    @property
    def missing(self) -> tuple[str, ...]:
        """One line for each gap."""


class Telemetry:
    """What the service counts of itself; restarts at 0 with the process."""

    def __init__(self) -> None:
        _without_created_series()
        self.registry = CollectorRegistry(auto_describe=True)
        if sys.platform == "linux":
            ProcessCollector(namespace="logweir", registry=self.registry)
        counter = self._counter
        self.requests = counter(
            "logweir_ingest_requests",
            "Requests to the ingest door, or refused before it, by answer and why it was refused.",
            "status",
            "code",
        )
        self.received_bytes = counter("logweir_ingest_bytes", "Bytes of bodies after decompression.")
        self.accepted = counter("logweir_events_accepted", "Events stored for the first time.")
        self.errors = counter("logweir_error_events", "Events stored with level error or critical.")
        self.duplicate = counter(
            "logweir_events_duplicate",
            "Events whose numbers or ids were used up; neither stored nor counted.",
        )
        self.rejected = counter("logweir_events_rejected", "Events refused as invalid, by code.", "code")
        self.conflicts = counter(
            "logweir_stream_conflicts", "Bodies refused because their stream was cloned."
        )
        self.commits = counter("logweir_journal_commits", "Batches made durable.")
        self.write_errors = counter(
            "logweir_journal_write_errors", "Groups of batches that the disk refused."
        )
        self.torn_tail_bytes = counter(
            "logweir_journal_torn_tail_bytes",
            "Bytes cut from the journal's end at start; never acknowledged.",
        )
        self.damaged_segments = counter(
            "logweir_journal_damaged_segments", "Segments that were damaged, and set aside."
        )
        self.missing = counter(
            "logweir_journal_gaps", "Gaps found at the start: durable batches that are not there any more."
        )
        self.removed_segments = counter(
            "logweir_journal_segments_removed", "Segments removed by retention, by reason.", "reason"
        )
        self._count_compactions()
        self.checkpoints = counter("logweir_checkpoints", "Checkpoints written.")
        self.checkpoint_failures = counter(
            "logweir_checkpoint_failures", "Checkpoints that could not be written."
        )
        self.unusable_checkpoints = counter(
            "logweir_checkpoints_unusable", "Checkpoints found at the start that could not be used."
        )
        self.checkpoint_seconds = Histogram(
            "logweir_checkpoint_duration_seconds",
            "Writing one and making it durable.",
            buckets=_COMMIT_SECONDS,
            registry=self.registry,
        )
        self.commit_seconds = Histogram(
            "logweir_journal_commit_duration_seconds",
            "One write and one fdatasync.",
            buckets=_COMMIT_SECONDS,
            registry=self.registry,
        )
        self._reload_successful = Gauge(
            "logweir_config_last_reload_successful",
            "1 where the newest rules that were to be loaded are in force.",
            registry=self.registry,
        )
        self._reload_seconds = Gauge(
            "logweir_config_last_reload_success_timestamp_seconds",
            "When the rules in force were loaded.",
            registry=self.registry,
        )
        Gauge(
            "logweir_build_info",
            "The version that runs.",
            ("version", "python_version"),
            registry=self.registry,
        ).labels(version("logweir"), platform.python_version()).set(1)

    def _count_compactions(self) -> None:
        counter = self._counter
        self.compacted_segments = counter("logweir_compaction_segments", "Segments compacted.")
        self.compaction_failures = counter(
            "logweir_compaction_failures", "Compactions that failed, and are tried again."
        )
        self.compaction_bytes_before = counter(
            "logweir_compaction_before_bytes", "Bytes of segments before they were compacted."
        )
        self.compaction_bytes_after = counter(
            "logweir_compaction_after_bytes", "Bytes of the same segments behind that."
        )
        self.compacted_events = counter(
            "logweir_compaction_removed_events", "Events that a store rule has removed.", "rule", "reason"
        )

    def recovered(self, recovery: Recovery, *, unusable_checkpoints: int) -> None:
        """Count what a start has found."""
        self.torn_tail_bytes.inc(recovery.torn_tail_bytes)
        self.damaged_segments.inc(len(recovery.damaged))
        self.missing.inc(len(recovery.missing))
        self.unusable_checkpoints.inc(unusable_checkpoints)

    def loaded(self, at: float | None) -> None:
        """Rules were loaded at this moment, in seconds since the epoch; None where they could not be."""
        self._reload_successful.set(at is not None)
        if at is not None:
            self._reload_seconds.set(at)

    def losses(self) -> dict[str, float]:
        """Every counter of something lost that is not 0, with its labels, since this process began."""
        found = {}
        for family in self.registry.restricted_registry(LOSSES).collect():
            for sample in family.samples:
                if sample.value:
                    labels = ",".join(f'{key}="{value}"' for key, value in sample.labels.items())
                    found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
        return found

    def watch(self, name: str, help_text: str, read: Callable[[], float]) -> None:
        """Expose a number that something else keeps, read at each scrape; NaN where it cannot be read."""

        def read_or_nan() -> float:
            try:
                return read()
            except OSError:
                return float("nan")

        Gauge(name, help_text, registry=self.registry).set_function(read_or_nan)

    def watch_by(
        self, name: str, help_text: str, label: str, read: Callable[[], Mapping[str, float]]
    ) -> None:
        """Expose numbers that something else keeps, by the values of one label; read at each scrape."""
        self.registry.register(_Family(lambda: _gauges(name, help_text, label, read())))

    def watch_buckets(
        self, name: str, help_text: str, read: Callable[[], tuple[Sequence[float], Sequence[int], float]]
    ) -> None:
        """Expose a histogram that something else keeps: bounds, counts not cumulated, and the sum."""
        self.registry.register(_Family(lambda: _histogram(name, help_text, *read())))

    def watch_counts(
        self, name: str, help_text: str, labels: tuple[str, ...], read: Callable[[], Mapping[Any, float]]
    ) -> None:
        """Expose counts that something else keeps, by the values of `labels`; read at each scrape."""
        self.registry.register(_Family(lambda: _counts(name, help_text, labels, read())))

    def expose(self, *, openmetrics: bool) -> bytes:
        """All of it in the text format, or in OpenMetrics with its final ``# EOF``."""
        return _generate_openmetrics(self.registry) if openmetrics else generate_latest(self.registry)

    def _counter(self, name: str, help_text: str, *labels: str) -> Counter:
        return Counter(name, help_text, labels, registry=self.registry)


class _Family:
    """A family of metrics made anew at each scrape."""

    def __init__(self, make: Callable[[], Metric]) -> None:
        self._make = make

    def collect(self) -> Iterable[Metric]:
        yield self._make()


def _counts(
    name: str, help_text: str, labels: tuple[str, ...], found: Mapping[Any, float]
) -> CounterMetricFamily:
    family = CounterMetricFamily(name, help_text, labels=labels)
    for values, count in found.items():
        family.add_metric([values] if isinstance(values, str) else [str(value) for value in values], count)
    return family


def _gauges(name: str, help_text: str, label: str, found: Mapping[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, help_text, labels=[label])
    for value, number in found.items():
        family.add_metric([value], number)
    return family


def _histogram(
    name: str, help_text: str, bounds: Sequence[float], counts: Sequence[int], total: float
) -> HistogramMetricFamily:
    named = [*map(floatToGoString, bounds), "+Inf"]
    buckets = [(bound, float(count)) for bound, count in zip(named, accumulate(counts), strict=True)]
    return HistogramMetricFamily(name, help_text, buckets=buckets, sum_value=total)

"""The service's own metrics, all named ``logweir_*``: stages return reports, the pipeline counts them here.

Own registry, so that two services can live in one process. ``docs/service-metrics.md`` lists them.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client import metrics as prometheus_metrics
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics import exposition
from prometheus_client.process_collector import ProcessCollector

_generate_openmetrics: Callable[[CollectorRegistry], bytes] = exposition.generate_latest
_without_created_series: Callable[[], None] = prometheus_metrics.disable_created_metrics
_COMMIT_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)


class Telemetry:
    """What the service counts of itself; restarts at 0 with the process."""

    def __init__(self) -> None:
        _without_created_series()
        self.registry = CollectorRegistry()
        if sys.platform == "linux":
            ProcessCollector(namespace="logweir", registry=self.registry)
        counter = self._counter
        self.requests = counter(
            "logweir_ingest_requests", "Requests to the ingest door, by answer.", "status"
        )
        self.received_bytes = counter("logweir_ingest_bytes", "Bytes of bodies after decompression.")
        self.accepted = counter("logweir_events_accepted", "Events stored for the first time.")
        self.duplicate = counter(
            "logweir_events_duplicate", "Events sent again, not stored or counted twice."
        )
        self.rejected = counter("logweir_events_rejected", "Events refused as invalid, by code.", "code")
        self.lost = counter(
            "logweir_events_lost", "Events that their sender dropped, or never sent.", "reason"
        )
        self.joined_late = counter("logweir_streams_joined_late", "Streams first seen behind their number 1.")
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
            "logweir_journal_damaged_segments", "Sealed segments not readable to their end."
        )
        self.commit_seconds = Histogram(
            "logweir_journal_commit_duration_seconds",
            "One write and one fdatasync.",
            buckets=_COMMIT_SECONDS,
            registry=self.registry,
        )
        Gauge(
            "logweir_build_info",
            "The version that runs.",
            ("version", "python_version"),
            registry=self.registry,
        ).labels(version("logweir"), platform.python_version()).set(1)

    def watch(self, name: str, help_text: str, read: Callable[[], float]) -> None:
        """Expose a number that something else keeps, read at each scrape."""
        Gauge(name, help_text, registry=self.registry).set_function(read)

    def watch_counts(
        self, name: str, help_text: str, labels: tuple[str, ...], read: Callable[[], Mapping[Any, float]]
    ) -> None:
        """Expose counts that something else keeps, by the values of `labels`; read at each scrape."""
        self.registry.register(_Counts(name, help_text, labels, read))

    def expose(self, *, openmetrics: bool) -> bytes:
        """All of it in the text format, or in OpenMetrics with its final ``# EOF``."""
        return _generate_openmetrics(self.registry) if openmetrics else generate_latest(self.registry)

    def _counter(self, name: str, help_text: str, *labels: str) -> Counter:
        return Counter(name, help_text, labels, registry=self.registry)


class _Counts:
    """A counter family made at each scrape from a mapping of label values to counts."""

    def __init__(
        self, name: str, help_text: str, labels: tuple[str, ...], read: Callable[[], Mapping[Any, float]]
    ) -> None:
        self._name, self._help, self._labels, self._read = name, help_text, labels, read

    def collect(self) -> Iterable[Metric]:
        family = CounterMetricFamily(self._name, self._help, labels=self._labels)
        for values, count in self._read().items():
            family.add_metric(
                [values] if isinstance(values, str) else [str(value) for value in values], count
            )
        yield family

    def describe(self) -> Iterable[Metric]:
        return [CounterMetricFamily(self._name, self._help, labels=self._labels)]

"""A status as the running process knows it, added to what its folder tells."""

from __future__ import annotations

import asyncio
import os
from importlib.metadata import version
from typing import Final, Literal

from logweir_service.derive import Derivation
from logweir_service.event import rfc3339
from logweir_service.pipeline import Pipeline
from logweir_service.promote import Worker
from logweir_service.rules import RuleSet

from .folder import ages, status_of_folder, with_zeros
from .model import (
    OverflowStatus,
    PromotionStatus,
    RetentionStatus,
    RulesStatus,
    SeriesStatus,
    SpeakerStatus,
    State,
    Status,
    StreamsStatus,
)
from .totals import totals_of
from .trends import LastHour

_MAX_OVERFLOWS: Final = 10
_MAX_LARGEST: Final = 5
_MAX_SPEAKERS: Final = 100


async def status_of_service(
    pipeline: Pipeline,
    promotion: Worker,
    *,
    sentry: Literal["on", "off", "unusable"],
    why_not_ready: str | None,
    hour: LastHour | None = None,
) -> Status:
    """What is so now: files are read in another thread, and what the process counts is asked on the loop.

    Raises:
        OSError: they cannot be read.
    """
    is_starting = pipeline.resumed is None
    folder = pipeline.journal.folder
    last_lsn = None if is_starting else pipeline.journal.last_lsn
    damage = (*pipeline.keeper.damaged,)
    told = await asyncio.to_thread(
        status_of_folder, folder, last_lsn=last_lsn, damage=damage, disk=folder.disk
    )
    state: State = "ready" if why_not_ready is None else "starting" if is_starting else "not_ready"
    told.state, told.why = state, why_not_ready or ""
    told.version, told.pid = version("logweir"), os.getpid()
    told.disk.min_free_bytes = pipeline.keeper.space.min_free_bytes
    told.promotion.sentry = sentry
    if is_starting:
        return told
    marks = pipeline.journal.known.marks
    told.streams = StreamsStatus(open=len(marks.open), closed=len(marks.closed))
    _tell_of_numbers(told, pipeline)
    told.retention = _retention(pipeline)
    if hour is not None:
        told.rates, told.trends = hour.rates(totals_of(pipeline.telemetry)), hour.trends()
    told.losses = with_zeros(pipeline.saving.losses())
    told.losses_age_seconds = ages(pipeline.saving.losses_seen, now=pipeline.keeper.clock())
    report = promotion.report()
    told.promotion = PromotionStatus(
        lsn=report.position.lsn,
        behind_commits=max(told.journal.last_lsn + 1 - report.position.lsn, 0),
        sentry=sentry,
        waiting=report.waiting,
        oldest_age_seconds=report.oldest_age_seconds,
        trouble=report.trouble,
    )
    return told


def _tell_of_numbers(told: Status, pipeline: Pipeline) -> None:
    derivation, speakers = pipeline.numbers.derivation, pipeline.lag.speakers()
    told.overflows = _overflows(derivation)
    told.rules = _rules(pipeline.numbers.rules)
    largest = sorted(derivation.series_by_metric.items(), key=lambda each: -each[1])[:_MAX_LARGEST]
    told.series = SeriesStatus(
        count=derivation.series,
        max=derivation.max_series,
        largest={metric: count for metric, count in largest if count},
    )
    speakers.sort(key=lambda each: each.silent_seconds)
    told.speakers_more = max(len(speakers) - _MAX_SPEAKERS, 0)
    told.speakers = [
        SpeakerStatus(
            service=each.service,
            last_event=rfc3339(each.last_event),
            lag_seconds=each.lag_seconds,
            silent_seconds=each.silent_seconds,
            catching_up=each.is_catching_up,
        )
        for each in speakers[:_MAX_SPEAKERS]
    ]


def _retention(pipeline: Pipeline) -> RetentionStatus:
    keeper = pipeline.keeper
    return RetentionStatus(
        max_age_days=keeper.policy.max_age_seconds / 86_400,
        max_bytes=keeper.policy.max_bytes,
        on_full="drop_oldest" if keeper.policy.may_pass_cursors else "reject",
        held_bytes=keeper.held_bytes,
    )


def _rules(rules: RuleSet) -> RulesStatus:
    return RulesStatus(
        metrics=len(rules.metrics),
        promote=len(rules.promote),
        store=len(rules.store),
        sources=[source.name for source in rules.sources],
    )


def _overflows(derivation: Derivation) -> list[OverflowStatus]:
    worst = sorted(derivation.overflowed.items(), key=lambda each: -each[1])[:_MAX_OVERFLOWS]
    samples = derivation.overflow_samples
    return [
        OverflowStatus(
            metric=key[0], label=key[1], service=key[2], events=events, sample=samples.get(key, "")
        )
        for key, events in worst
    ]

"""Builds a service of its stages."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Literal

from logweir_service.dead import DeadLetters
from logweir_service.decode import Decoder
from logweir_service.disk import Disk
from logweir_service.errors import ConfigurationError, Refusal, StorageBroken
from logweir_service.find import ActiveIndex, Catalogue, Stories, spans
from logweir_service.ingest import Refusals
from logweir_service.jobs.child import Children
from logweir_service.jobs.looking import Looking
from logweir_service.jobs.searching import Searching
from logweir_service.jobs.tailing import Tails
from logweir_service.journal import (
    Checkpoints,
    DataFolder,
    Follower,
    Journal,
    Policy,
    SealedSegments,
    Space,
    refuse_network,
)
from logweir_service.limits import Limits
from logweir_service.pipeline import Keeper, Pipeline
from logweir_service.promote import Cursor, Defaults, EventSender, Worker
from logweir_service.rules import RuleSet
from logweir_service.settings import Settings
from logweir_service.status.totals import commits
from logweir_service.status.trends import LastHour
from logweir_service.telemetry import Telemetry

from .in_force import read_rules
from .indexing import Indexing
from .watch import watch, watch_index, watch_tails

_log = logging.getLogger("logweir_service")


@dataclass(slots=True)
class Service:
    """One running service: its stages, and its face to HTTP."""

    settings: Settings
    rules: RuleSet
    """Those in force."""
    pipeline: Pipeline
    promotion: Worker
    catalogue: Catalogue
    """Which segments there are, and which have an index."""
    indexing: Indexing
    looking: Looking
    children: Children
    searching: Searching
    tails: Tails
    sentry: Literal["on", "off", "unusable"]
    """Whether errors are promoted; where the DSN cannot be used, they wait in the journal."""
    refusals: Refusals
    hour: LastHour
    """What went on lately."""
    reset_counters: bool = False
    stopping: bool = False
    hurried: bool = False
    """Asked to stop twice: nothing is waited for that the next start can do as well."""

    def why_not_ready(self) -> str | None:
        """Why no events are taken now, or None."""
        if self.stopping:
            return "stopping"
        if self.pipeline.broken:
            return str(self.pipeline.broken)
        if self.pipeline.resumed is None:
            return "starting: the journal is being read"
        try:
            self.pipeline.keeper.space.require()
        except Refusal as refusal:
            return refusal.message
        except StorageBroken as broken:
            return str(broken)
        return None


def compose(settings: Settings, *, disk: Disk | None = None, reset_counters: bool = False) -> Service:
    """Build a service on its data folder, which it claims and writes through `disk`; nothing runs yet.

    Raises:
        OperatorError: with one line that says what to mend.
    """
    limits = Limits()
    found = read_rules(settings)
    numbers = found.counting(found.rules)
    sender, sentry = _sender(settings)
    folder = DataFolder(settings.data, disk=disk)
    if not settings.allow_network_filesystem:
        refuse_network(settings.data)
    journal = Journal(folder)
    index = ActiveIndex()
    catalogue = Catalogue(journal.identifier, folder.journal, journal.reader.segments, folder.index)
    stories = Stories(journal.reader, index, catalogue=catalogue)
    telemetry = Telemetry()
    promotion = Worker(
        reader=journal,
        stories=stories.stored,
        selection=found.selection,
        cursor=Cursor(folder.checkpoints / "promote.cursor", journal=journal.identifier, disk=folder.disk),
        sender=sender,
        defaults=Defaults(environment=settings.environment or None, release=settings.release or None),
    )
    pipeline = Pipeline(
        journal=journal,
        decoder=Decoder(limits, found.scrubber),
        counting=found.counting,
        numbers=numbers,
        index=index,
        promoter=promotion,
        dead=DeadLetters(folder.dead, scrub=found.scrubber.raw, disk=folder.disk),
        keeper=Keeper(
            checkpoints=Checkpoints(folder.checkpoints, journal=journal.identifier, disk=folder.disk),
            sealed=SealedSegments(folder.journal),
            space=Space(
                settings.data,
                disk=folder.disk,
                min_free_bytes=settings.min_free_bytes,
                ballast_bytes=settings.ballast_bytes,
            ),
            policy=Policy(
                max_bytes=settings.retention_bytes,
                max_age_seconds=settings.retention_days * 86_400,
                may_pass_cursors=settings.on_full == "drop_oldest",
            ),
            disk=folder.disk,
            telemetry=telemetry,
            sidecars=folder.index,
            require_there=journal.require_there,
            cursor_lsn=lambda: promotion.report().position.lsn - 1,
            checkpoint_seconds=settings.checkpoint_seconds,
        ),
        telemetry=telemetry,
        limits=limits,
    )
    refusals = Refusals(lambda status, code: telemetry.requests.labels(str(status), code).inc())
    hour = LastHour([bound for bound, _ in commits(telemetry.commit_seconds)][:-1])
    children = Children()
    indexing = Indexing(catalogue, index, folder.disk, pipeline.keeper.has_room)
    service = Service(
        settings=settings,
        rules=found.rules,
        pipeline=pipeline,
        promotion=promotion,
        catalogue=catalogue,
        indexing=indexing,
        looking=Looking(stories, catalogue, children, last_lsn=lambda: journal.last_lsn),
        children=children,
        searching=Searching(
            children,
            folder.journal,
            last_lsn=lambda: journal.last_lsn,
            spans=lambda: spans(catalogue),
        ),
        tails=Tails(
            Follower(folder.journal, durable=lambda: journal.last_lsn, last=journal.place_of_last),
            stopping=lambda: service.stopping,
        ),
        sentry=sentry,
        refusals=refusals,
        hour=hour,
        reset_counters=reset_counters,
    )
    watch(pipeline, promotion)
    watch_index(telemetry, indexing)
    watch_tails(telemetry, service.tails)
    telemetry.loaded(pipeline.clock())
    return service


def _sender(settings: Settings) -> tuple[EventSender | None, Literal["on", "off", "unusable"]]:
    """Where errors go, if anywhere; with a DSN that cannot be used the service goes on without."""
    if not settings.sentry_dsn or not settings.sentry_enabled:
        return None, "off"
    from logweir_service.promote.send import Sender  # noqa: PLC0415 - the SDK is slow to import

    try:
        return Sender(settings.sentry_dsn), "on"
    except ConfigurationError as error:
        _log.error("errors are not promoted, they wait in the journal: %s", error)
        return None, "unusable"

"""Composes the stages into one service, and runs it from the first byte to the last."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Literal

import uvicorn
import uvloop
from fastapi import FastAPI
from starlette.routing import Route

from .access import ingest_tokens, read_tokens
from .decode import Decoder, StoredDecoder
from .derive import Derivation
from .disk import Disk
from .errors import ConfigurationError
from .expose import Readable, reading_routes, refuse_alike
from .find import ActiveIndex, Stories
from .ingest import GuardedProtocol, IngestDoor
from .journal import DataFolder, Journal, Recovery
from .limits import Limits
from .pipeline import Pipeline
from .promote import Cursor, Defaults, Selection, Sender, Worker
from .rules import RuleSet, load
from .scrub import Scrubber
from .settings import Settings
from .telemetry import Telemetry

_log = logging.getLogger("logweir_service")

_DRAIN_SECONDS = 15
"""How long requests on their way may take at the end; Kubernetes kills after 30."""

_BACKLOG = 2048
"""Connections that may wait to be accepted."""

_PROMOTION_STOP_SECONDS = 5
"""How long a slow Sentry server may hold up the end; what it has not taken is sent after the next start."""


@dataclass(slots=True)
class Service:
    """One running service: its stages, and its face to HTTP."""

    settings: Settings
    rules: RuleSet
    pipeline: Pipeline
    promotion: Worker
    stories: Stories
    sentry: Literal["on", "off", "unusable"]
    """Whether errors are promoted; where the DSN cannot be used, they wait in the journal."""
    stopping: bool = False

    def why_not_ready(self) -> str | None:
        """Why no events are taken now, or None."""
        if self.stopping:
            return "stopping"
        return str(self.pipeline.broken) if self.pipeline.broken else None


def compose(settings: Settings, *, disk: Disk | None = None) -> Service:
    """Build a service on its data folder, which it claims and writes through `disk`; nothing runs yet.

    Raises:
        OperatorError: with one line that says what to mend.
    """
    limits = Limits()
    pack_labels = [label.strip() for label in settings.pack_labels.split(",") if label.strip()]
    sources = [source.strip() for source in settings.rules.split(",") if source.strip()]
    rules = load(sources, pack_labels=pack_labels or None)
    derivation = Derivation(rules, metric_prefix=settings.metric_prefix)
    selection = Selection(rules.promote)
    scrubber = Scrubber(
        keys=[key for rule in rules.scrub for key in rule.keys],
        patterns=[pattern for rule in rules.scrub for pattern in rule.patterns],
    )
    sender, sentry = _sender(settings)
    folder = DataFolder(settings.data, disk=disk)
    journal = Journal(folder)
    index = ActiveIndex()
    stories = Stories(journal.reader, index)
    promotion = Worker(
        reader=journal,
        stories=stories.stored,
        selection=selection,
        cursor=Cursor(folder.checkpoints / "promote.cursor", journal=journal.identifier, disk=folder.disk),
        sender=sender,
        defaults=Defaults(environment=settings.environment or None, release=settings.release or None),
    )
    pipeline = Pipeline(
        journal=journal,
        decoder=Decoder(limits, scrubber),
        stored=StoredDecoder(rules.fields | selection.fields),
        derivation=derivation,
        index=index,
        promoter=promotion,
        telemetry=Telemetry(),
        limits=limits,
    )
    service = Service(settings, rules, pipeline, promotion, stories, sentry)
    _watch(service)
    return service


def _sender(settings: Settings) -> tuple[Sender | None, Literal["on", "off", "unusable"]]:
    """Where errors go, if anywhere; with a DSN that cannot be used the service goes on without."""
    if not settings.sentry_dsn or not settings.sentry_enabled:
        return None, "off"
    try:
        return Sender(settings.sentry_dsn), "on"
    except ConfigurationError as error:
        _log.error("errors are not promoted, they wait in the journal: %s", error)
        return None, "unusable"


def http(service: Service) -> FastAPI:
    """The service's HTTP application."""
    settings, pipeline = service.settings, service.pipeline
    app = FastAPI(
        title="Logweir", version=version("logweir"), docs_url=None, redoc_url=None, openapi_url=None
    )
    door = IngestDoor(pipeline, ingest_tokens(settings.ingest_tokens), pipeline.limits)
    app.router.routes.append(Route("/v1/events", door, methods=["POST"]))
    readable = Readable(
        expose=pipeline.expose,
        stories=service.stories,
        ready=service.why_not_ready,
        limits=pipeline.limits,
        metrics_enabled=settings.metrics_enabled,
    )
    app.include_router(reading_routes(readable, read_tokens(settings.read_tokens)))
    refuse_alike(app)
    return app


@asynccontextmanager
async def running(service: Service) -> AsyncIterator[None]:
    """Recover, commit and promote for as long as the context lasts; then drain and let the folder go."""
    pipeline = service.pipeline
    loop = asyncio.get_running_loop()
    committing = None
    try:
        recovery = await loop.run_in_executor(None, pipeline.recover)
        _tell(service, recovery)
        committing = asyncio.create_task(pipeline.run())
        if service.sentry != "unusable":
            service.promotion.start()
        yield
    finally:
        service.stopping = True
        pipeline.drain()
        if committing is not None:
            await committing
            await loop.run_in_executor(None, service.promotion.stop, _PROMOTION_STOP_SECONDS)
        pipeline.close()


def serve(settings: Settings, *, disk: Disk | None = None) -> None:
    """Run the service until SIGTERM or SIGINT, then drain.

    Raises:
        OperatorError: it could not start, or the disk refused to go on.
    """
    with _listener(settings) as listener, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        service = compose(settings, disk=disk)
        runner.run(_serve(service, listener))
        if service.pipeline.broken is not None:
            raise service.pipeline.broken


async def _serve(service: Service, listener: socket.socket) -> None:
    server = _Server(
        uvicorn.Config(
            http(service),
            http=GuardedProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=_DRAIN_SECONDS,
        )
    )

    def stop() -> None:
        server.force_exit = service.stopping  # asked twice
        server.should_exit = service.stopping = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    service.pipeline.on_broken = stop
    async with running(service):
        listener.listen(_BACKLOG)
        _log.info("listening on http://%s:%d", *listener.getsockname()[:2])
        await server.serve(sockets=[listener])
    _log.info("stopped: all that was acknowledged is on disk")


class _Server(uvicorn.Server):
    """uvicorn, but signals are the service's own affair, so that a clean stop exits 0."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signal handlers alone."""
        yield


def _listener(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise ConfigurationError(
            f"cannot listen on {settings.listen}: {error.strerror}; "
            "choose another address with --listen or LOGWEIR_LISTEN"
        ) from None
    return listener


def _tell(service: Service, recovery: Recovery) -> None:
    settings = service.settings
    _log.info(
        "logweir %s: data in %s (%d events in %d batches), %d metrics from rules %s, Sentry %s",
        version("logweir"),
        settings.data,
        recovery.events,
        recovery.batches,
        len(service.rules.metrics),
        settings.rules,
        service.sentry,
    )
    if recovery.torn_tail_bytes:
        _log.warning("cut %d bytes of a torn batch that was never acknowledged", recovery.torn_tail_bytes)
    if service.rules.store:
        _log.warning("rules under store are read, but not applied yet: everything is kept")
    for line in recovery.damaged:
        _log.error("%s; its later events are missing from search and metrics", line)


def _watch(service: Service) -> None:
    """Expose what stages keep count of by themselves."""
    telemetry, derivation, journal = (
        service.pipeline.telemetry,
        service.pipeline.derivation,
        service.pipeline.journal,
    )
    telemetry.watch("logweir_journal_bytes", "Bytes of all segments.", lambda: journal.size_bytes)
    telemetry.watch("logweir_journal_last_lsn", "Number of the newest commit.", lambda: journal.last_lsn)
    telemetry.watch("logweir_streams", "Streams whose marks are remembered.", lambda: journal.streams)
    telemetry.watch("logweir_series", "Derived series.", lambda: derivation.series)
    telemetry.watch_counts(
        "logweir_rule_skipped",
        "Events that a rule applied to but could not use, by rule and reason.",
        ("rule", "reason"),
        lambda: derivation.skipped,
    )
    telemetry.watch_counts(
        "logweir_series_overflow",
        "Events counted under __other__ because a budget was spent, by culprit.",
        ("metric", "label", "service"),
        lambda: derivation.overflowed,
    )
    report = service.promotion.report
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

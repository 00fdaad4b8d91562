"""Composes the stages into one service, and runs it from the first byte to the last."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Literal

import uvicorn
import uvloop
from fastapi import FastAPI
from starlette.routing import Route

from .access import ingest_tokens, read_tokens
from .dead import DeadLetters
from .decode import Decoder
from .derive import Derivation
from .disk import Disk
from .errors import ConfigurationError, Refusal
from .expose import Readable, reading_routes, refuse_alike, status_route
from .find import ActiveIndex, Stories
from .ingest import GuardedProtocol, IngestDoor
from .journal import Checkpoints, DataFolder, Journal, Policy, SealedSegments, Space, refuse_network, verify
from .limits import Limits
from .pipeline import Counting, Keeper, Pipeline, Resumed
from .promote import Cursor, Defaults, Selection, Sender, Worker
from .rules import RuleSet, load
from .scrub import Scrubber
from .settings import Settings
from .status import encode_status, status_of_service
from .telemetry import Telemetry
from .watch import watch

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
    reset_counters: bool = False
    stopping: bool = False

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
        return None


def compose(settings: Settings, *, disk: Disk | None = None, reset_counters: bool = False) -> Service:
    """Build a service on its data folder, which it claims and writes through `disk`; nothing runs yet.

    Raises:
        OperatorError: with one line that says what to mend.
    """
    limits = Limits()
    pack_labels = [label.strip() for label in settings.pack_labels.split(",") if label.strip()]
    sources = [source.strip() for source in settings.rules.split(",") if source.strip()]
    rules = load(sources, pack_labels=pack_labels or None)
    selection = Selection(rules.promote)
    counting = Counting(partial(Derivation, metric_prefix=settings.metric_prefix), selection.fields)
    numbers = counting(rules)
    scrubber = Scrubber(
        keys=[key for rule in rules.scrub for key in rule.keys],
        patterns=[pattern for rule in rules.scrub for pattern in rule.patterns],
    )
    sender, sentry = _sender(settings)
    folder = DataFolder(settings.data, disk=disk)
    if not settings.allow_network_filesystem:
        refuse_network(settings.data)
    journal = Journal(folder)
    index = ActiveIndex()
    stories = Stories(journal.reader, index)
    telemetry = Telemetry()
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
        counting=counting,
        numbers=numbers,
        index=index,
        promoter=promotion,
        dead=DeadLetters(folder.dead, scrub=scrubber.raw, disk=folder.disk),
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
            cursor_lsn=lambda: promotion.report().position.lsn - 1,
            checkpoint_seconds=settings.checkpoint_seconds,
        ),
        telemetry=telemetry,
        limits=limits,
    )
    service = Service(settings, rules, pipeline, promotion, stories, sentry, reset_counters)
    watch(pipeline, promotion)
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
        starting=lambda: pipeline.resumed is None,
        limits=pipeline.limits,
        metrics_enabled=settings.metrics_enabled,
    )
    readers = read_tokens(settings.read_tokens)
    app.include_router(reading_routes(readable, readers))
    app.include_router(status_route(partial(_status, service), readers))
    refuse_alike(app)
    return app


async def _status(service: Service) -> bytes:
    told = await status_of_service(
        service.pipeline, service.promotion, sentry=service.sentry, why_not_ready=service.why_not_ready()
    )
    return encode_status(told)


@asynccontextmanager
async def running(service: Service) -> AsyncIterator[None]:
    """Recover, commit and promote for as long as the context lasts; then drain and let the folder go."""
    pipeline = service.pipeline
    loop = asyncio.get_running_loop()
    committing = None
    verifying = threading.Event()
    try:
        recover = partial(pipeline.recover, service.rules, reset_counters=service.reset_counters)
        resumed = await loop.run_in_executor(None, recover)
        _tell(service, resumed)
        committing = asyncio.create_task(pipeline.run())
        if service.sentry != "unusable":
            service.promotion.start()
        loop.run_in_executor(None, _verify, service, resumed, verifying)
        yield
    finally:
        service.stopping = True
        verifying.set()
        pipeline.drain()
        if committing is not None:
            await committing
            await loop.run_in_executor(None, service.promotion.stop, _PROMOTION_STOP_SECONDS)
        pipeline.close()


def _verify(service: Service, resumed: Resumed, stopping: threading.Event) -> None:
    """Look for damage in what the start has not read, because a checkpoint covers it."""
    journal = service.pipeline.journal

    def tell(text: str) -> None:
        _log.error("%s; its other events are missing from search, the numbers are as they were", text)
        service.pipeline.telemetry.damaged_segments.inc()

    try:
        verify(
            journal.folder.journal,
            journal.identifier,
            before_lsn=(resumed.checkpoint_lsn or 0) + 1,
            disk=journal.folder.disk,
            stopping=stopping,
            tell=tell,
        )
    except OSError as fault:
        _log.warning("old segments cannot be verified: %s", fault)


def serve(settings: Settings, *, disk: Disk | None = None, reset_counters: bool = False) -> None:
    """Run the service until SIGTERM or SIGINT, then drain.

    Raises:
        OperatorError: it could not start, or the disk refused to go on.
    """
    with _listener(settings) as listener, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        service = compose(settings, disk=disk, reset_counters=reset_counters)
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
    listener.listen(_BACKLOG)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    _log.info("listening on http://%s:%d", *listener.getsockname()[:2])
    try:
        async with running(service):
            await serving
    finally:
        server.should_exit = True
        await serving
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


def _tell(service: Service, resumed: Resumed) -> None:
    settings, found = service.settings, resumed.journal
    begin = "the beginning" if resumed.checkpoint_lsn is None else f"commit {resumed.checkpoint_lsn}"
    _log.info(
        "logweir %s is ready: data in %s (read %d events in %d batches from %s on), "
        "%d metrics from rules %s, Sentry %s",
        version("logweir"),
        settings.data,
        found.events,
        found.batches,
        begin,
        len(service.rules.metrics),
        settings.rules,
        service.sentry,
    )
    if found.torn_tail_bytes:
        _log.warning("cut %d bytes of a torn batch that was never acknowledged", found.torn_tail_bytes)
    for line in (*found.damaged, *found.missing):
        _log.error("%s", line)
    for line in resumed.unusable:
        _log.error("%s; more of the journal was read instead", line)
    if resumed.reset:
        _log.error("all counters begin at 0 again: %s", resumed.reset)
    if service.rules.store:
        _log.warning("rules under store are read, but not applied yet: everything is kept")

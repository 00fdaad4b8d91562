"""The process that serves: its socket, its signals, its end."""

from __future__ import annotations

import asyncio
import errno
import gc
import logging
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import uvicorn
import uvloop

from logweir_service.disk import Disk
from logweir_service.errors import AddressInUse, ConfigurationError, OperatorError
from logweir_service.ingest import GuardedProtocol
from logweir_service.journal import DataFolder
from logweir_service.settings import Settings

from .collecting import leave_series_out
from .composition import Service, compose
from .reloading import Reload
from .running import running
from .sampling import sample
from .web import http

_log = logging.getLogger("logweir_service")


_DRAIN_SECONDS = 15
"""How long requests on their way may take at the end; Kubernetes kills after 30."""

_BACKLOG = 2048
"""Connections that may wait to be accepted."""


def serve(settings: Settings, *, disk: Disk | None = None, reset_counters: bool = False) -> None:
    """Run the service until SIGTERM or SIGINT, then drain.

    Raises:
        OperatorError: it could not start, or the disk refused to go on.
    """
    with _listener(settings) as listener, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        service = compose(settings, disk=disk, reset_counters=reset_counters)
        _tell_of_folder(service.pipeline.journal.folder)
        runner.run(_serve(service, listener))
        if service.pipeline.broken is not None:
            raise service.pipeline.broken


def _tell_of_folder(folder: DataFolder) -> None:
    if folder.killed_pid:
        told = "%s: the service before, pid %s, ended without stopping (killed?); its journal is read on"
        _log.warning(told, folder.path, folder.killed_pid)
    if folder.restored_format:
        _log.warning("%s was missing, and was made again from the segments", folder.path / "format.json")


async def _serve(service: Service, listener: socket.socket) -> None:
    reload = Reload(service)
    server = _Server(
        uvicorn.Config(
            http(service, reload),
            http=partial(GuardedProtocol, refusals=service.refusals),  # type: ignore[arg-type]
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

    stop = partial(_stop, server, service)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    loop.add_signal_handler(signal.SIGHUP, reload.soon)
    service.pipeline.on_broken = stop
    try:
        listener.listen(_BACKLOG)
    except OSError as error:  # two that were started at once could both bind
        raise _unheard(service.settings, error) from None
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    host, port = listener.getsockname()[:2]
    _log.info("listening on http://%s:%d", f"[{host}]" if ":" in host else host, port)
    try:
        async with running(service):
            collecting = asyncio.create_task(leave_series_out(service.pipeline.series))
            sampling = asyncio.create_task(sample(service.pipeline.telemetry, service.hour))
            gc.enable()
            await serving
            collecting.cancel()
            sampling.cancel()
    finally:
        server.should_exit = True
        await serving
    if service.pipeline.broken is None:
        _log.info("stopped: all that was acknowledged is on disk")


def _stop(server: uvicorn.Server, service: Service) -> None:
    server.force_exit = service.hurried = service.stopping  # asked twice
    server.should_exit = service.stopping = True
    service.children.stop()


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
        raise _unheard(settings, error) from None
    return listener


def _unheard(settings: Settings, error: OSError) -> OperatorError:
    """Why nobody can be listened to at the address, and what to do."""
    failed = f"cannot listen on {settings.listen}: {error.strerror}"
    other = "choose another address with --listen or LOGWEIR_LISTEN"
    if error.errno == errno.EADDRINUSE:
        return AddressInUse(f"{failed}; start again once what listens there has ended, or {other}")
    return ConfigurationError(f"{failed}; {other}")

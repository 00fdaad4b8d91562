"""What others offer, as candidates, set up as documented; imported only where they are used."""

from __future__ import annotations

import logging
import os
import time
import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Final

from tests.benchmarks.candidates import (
    CONTEXT,
    EVENT,
    OWN,
    SETTINGS,
    Candidate,
    Making,
    Surroundings,
    imported,
)

BASELINE: Final = "logging + python-json-logger, OrjsonFormatter"
OPENTELEMETRY: Final = "OpenTelemetry LoggingHandler, batches, OTLP/HTTP"


def structlog_chain(surroundings: Surroundings) -> Candidate:
    """The chain of structlog's documentation, "Performance"."""
    structlog = imported("structlog", package="structlog")
    orjson = imported("orjson", package="orjson")
    processors = structlog.processors
    structlog.configure(
        cache_logger_on_first_use=True,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        processors=[
            structlog.contextvars.merge_contextvars,
            processors.add_log_level,
            processors.format_exc_info,
            processors.TimeStamper(fmt="iso", utc=True),
            processors.JSONRenderer(serializer=orjson.dumps),
        ],
        logger_factory=structlog.BytesLoggerFactory(open(os.devnull, "wb")),  # noqa: SIM115 - for good
    )
    structlog.contextvars.bind_contextvars(**CONTEXT)
    log = structlog.get_logger().bind(logger="bench", **SETTINGS)

    def one() -> None:
        log.info(
            "http.request",
            http_request_method="GET",
            http_route="/orders/{id}",
            http_response_status_code=200,
            duration_seconds=0.01234,
            client_address="10.0.0.7",
        )

    return Candidate(one)


def python_json_logger(module: str, formatter: str) -> Making:
    """python-json-logger to a stream."""

    def make(surroundings: Surroundings) -> Candidate:
        formatters = imported(f"pythonjsonlogger.{module}", package="python-json-logger")
        stream = logging.StreamHandler(open(os.devnull, "w"))  # noqa: SIM115 - as long as the process lives
        form = "%(message)s %(levelname)s %(name)s"
        stream.setFormatter(getattr(formatters, formatter)(form, timestamp=True))
        return Candidate(_with_everything(stream))

    return make


def loguru_serialized(surroundings: Surroundings) -> Candidate:
    """loguru's own JSON to a stream."""
    logger = imported("loguru", package="loguru").logger
    logger.remove()
    logger.add(open(os.devnull, "w"), serialize=True)  # noqa: SIM115 - as long as the process lives
    bound = logger.bind(logger="bench", **SETTINGS)
    logger.contextualize(**CONTEXT).__enter__()

    def one() -> None:
        bound.info(
            "http.request",
            http_request_method="GET",
            http_route="/orders/{id}",
            http_response_status_code=200,
            duration_seconds=0.01234,
            client_address="10.0.0.7",
        )

    return Candidate(one)


def opentelemetry(surroundings: Surroundings) -> Candidate:
    """OpenTelemetry's SDK: its handler for logging, its batch processor, its OTLP exporter, all defaults."""
    logs = imported("opentelemetry.sdk._logs", package="opentelemetry-sdk")
    export = imported("opentelemetry.sdk._logs.export", package="opentelemetry-sdk")
    otlp = imported(
        "opentelemetry.exporter.otlp.proto.http._log_exporter",
        package="opentelemetry-exporter-otlp-proto-http",
    )
    resources = imported("opentelemetry.sdk.resources", package="opentelemetry-sdk")
    resource = resources.Resource.create(
        {"service.name": SETTINGS["service"], "deployment.environment.name": SETTINGS["environment"]}
    )
    provider = logs.LoggerProvider(resource=resource)
    exporter = otlp.OTLPLogExporter(endpoint=f"{surroundings.sink.url}/v1/logs")
    provider.add_log_record_processor(export.BatchLogRecordProcessor(exporter))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # it moves to a package of its own
        handler = logs.LoggingHandler(logger_provider=provider)
    logger = logging.Logger("bench")
    logger.addHandler(handler)
    extra = CONTEXT | OWN
    return Candidate(lambda: logger.info(EVENT, extra=extra), provider.force_flush)


def logstash_async(surroundings: Surroundings) -> Candidate:
    """python-logstash-async over TCP with its cache in memory.

    Its waits are shortened and its batches made ten times as large, else a round takes many seconds.
    """
    package = imported("logstash_async", package="python-logstash-async")
    constants = import_module("logstash_async.constants").constants
    constants.QUEUE_CHECK_INTERVAL = 0.1
    constants.QUEUED_EVENTS_BATCH_SIZE = 500
    handlers = import_module("logstash_async.handler")
    handler = handlers.AsynchronousLogstashHandler("127.0.0.1", surroundings.sink.tcp_port, None)

    def settle() -> None:
        worker = handlers.AsynchronousLogstashHandler._worker_thread
        while worker._queue.qsize() or package.EVENT_CACHE:
            handler.flush()
            time.sleep(0.02)

    return Candidate(_with_everything(handler), settle)


def _with_everything(handler: logging.Handler) -> Callable[[], None]:
    """One event of the standard library, with all that our context and settings add."""
    logger = logging.Logger("bench")
    logger.addHandler(handler)
    extra = SETTINGS | CONTEXT | OWN
    return lambda: logger.info(EVENT, extra=extra)


PEERS: dict[str, Making] = {
    "structlog, its usual chain with orjson": structlog_chain,
    BASELINE: python_json_logger("orjson", "OrjsonFormatter"),
    "logging + python-json-logger, JsonFormatter": python_json_logger("json", "JsonFormatter"),
    "loguru, serialize=True": loguru_serialized,
    OPENTELEMETRY: opentelemetry,
    "python-logstash-async, memory, TCP": logstash_async,
}

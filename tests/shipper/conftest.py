from __future__ import annotations

from collections.abc import Iterator

import pytest

import logweir
from logweir import process
from logweir.testing import CapturingSink
from tests.shipper.service import PlayedService


@pytest.fixture
def service() -> Iterator[PlayedService]:
    played = PlayedService()
    yield played
    played.stop()


@pytest.fixture(autouse=True)
def fresh_process_state(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every test starts unconfigured, with nothing bound, and with no environment of the machine's."""
    for name in (
        "LOGWEIR_URL LOGWEIR_TOKEN LOGWEIR_SERVICE OTEL_SERVICE_NAME SENTRY_ENVIRONMENT ENVIRONMENT "
        "SENTRY_RELEASE RELEASE_VERSION APP_VERSION LOG_LEVEL ENABLE_SENTRY STATE_DIRECTORY "
        "LOGWEIR_SLOW_REQUEST_SECONDS LOGWEIR_SLOW_BLOCK_SECONDS SENTRY_TRACES_SAMPLE_RATE LOGWEIR_SAMPLERS "
        "LOGWEIR_SPOOL LOGWEIR_SPOOL_BYTES LOGWEIR_DURABILITY LOGWEIR_ENABLED"
    ).split():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(process, "_emitter", None)
    monkeypatch.setattr(process, "_earlier", [])
    logweir.clear()
    yield
    logweir.clear()
    logweir.close(0)


@pytest.fixture
def sink() -> CapturingSink:
    """The sink of a process that is configured as service ``shop``."""
    captured = CapturingSink()
    logweir.configure("shop", to=captured, level="debug")
    return captured

from __future__ import annotations

import errno

import pytest

from logweir_service.telemetry import Telemetry


@pytest.mark.parametrize("openmetrics", [True, False])
def test_the_services_own_metrics_have_no_created_series(openmetrics: bool) -> None:
    telemetry = Telemetry()
    telemetry.requests.labels("503", "disk_full").inc()
    telemetry.commit_seconds.observe(0.001)
    text = telemetry.expose(openmetrics=openmetrics).decode()
    assert 'logweir_ingest_requests_total{code="disk_full",status="503"} 1.0' in text
    assert "_created" not in text


def test_losses_are_told_without_reading_anything_else() -> None:
    def fail() -> float:
        raise AssertionError

    telemetry = Telemetry()
    telemetry.watch("logweir_test", "A number that is no loss.", fail)
    telemetry.watch_counts("logweir_streams_unclosed", "Kept elsewhere.", ("service",), lambda: {"shop": 2})
    telemetry.rejected.labels("not_json").inc(3)
    telemetry.accepted.inc(5)
    assert telemetry.losses() == {
        'logweir_events_rejected_total{code="not_json"}': 3,
        'logweir_streams_unclosed_total{service="shop"}': 2,
    }


def test_number_that_the_disk_refuses_is_shown_as_none_beside_the_others() -> None:
    def fail() -> float:
        raise OSError(errno.EMFILE, "Too many open files")

    telemetry = Telemetry()
    telemetry.watch("logweir_test", "A number on the disk.", fail)
    telemetry.accepted.inc(5)
    text = telemetry.expose(openmetrics=False).decode()
    assert "logweir_test NaN" in text
    assert "logweir_events_accepted_total 5.0" in text

from __future__ import annotations

import pytest

from logweir_service.telemetry import Telemetry


@pytest.mark.parametrize("openmetrics", [True, False])
def test_the_services_own_metrics_have_no_created_series(openmetrics: bool) -> None:
    telemetry = Telemetry()
    telemetry.requests.labels("200").inc()
    telemetry.commit_seconds.observe(0.001)
    text = telemetry.expose(openmetrics=openmetrics).decode()
    assert 'logweir_ingest_requests_total{status="200"} 1.0' in text
    assert "_created" not in text

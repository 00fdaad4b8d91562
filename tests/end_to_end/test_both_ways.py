"""Queries and AI calls that an application counts in process and tells as events come to the same numbers."""

import os
import signal
import subprocess
import sys
import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.end_to_end.live import LiveService

METRICS = {
    "db_queries",
    "db_query_duration_seconds",
    "agent_calls",
    "agent_call_duration_seconds",
    "agent_cost_usd",
    "agent_tokens_used",
}
SECONDS = 6


def counted(text):
    """Samples of the metrics that both have, without the labels that tell whose they are."""
    return {
        (sample.name, *sorted(item for item in sample.labels.items() if item[0] not in OWNER)): sample.value
        for family in text_string_to_metric_families(text)
        if family.name in METRICS
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


OWNER = ("service", "environment")


def test_events_and_the_client_in_process_agree_sample_by_sample_while_the_service_is_killed(tmp_path):
    with LiveService(tmp_path / "data") as live:
        environment = os.environ | {"LOGWEIR_URL": live.url, "LOGWEIR_SERVICE": "shop"}
        command = [sys.executable, "-m", "tests.end_to_end.both_ways", str(SECONDS)]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as application:
            for kind in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
                time.sleep(SECONDS / 5)
                live.stop(kind)
                live.start()
            in_process = counted(application.communicate(timeout=60)[0])
        assert application.returncode == 0
        derived = counted(live.get("/metrics").data.decode())
    assert derived.keys() == in_process.keys()
    assert derived == pytest.approx(in_process, rel=1e-12)
    assert len(derived) > 50
    assert derived["db_query_duration_seconds_count", ("query_type", "SELECT")] > 100

"""An application that uses every helper, a service and a Sentry server, each a real process."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.bugsink import Bugsink
from tests.end_to_end.live import LiveService

APPLICATION = """
import asyncio, time
import logweir

@logweir.profile_function(block="render", slow_seconds=0.05, cpu=True)
def render():
    time.sleep(0.1)

async def answer():
    async with logweir.track_ai_call(provider="anthropic", model="m-1") as call:
        call["gen_ai_usage_output_tokens"] = 30

@logweir.event("job.run")
def work():
    logweir.set_user("48213")
    logweir.set_tag("shard", 3)
    logweir.add_breadcrumb("cart loaded", category="cart")
    with logweir.track_request(method="GET", route="/orders/{id}", slow_seconds=1e-9) as request:
        request["http_response_status_code"] = 200
    with logweir.track_db_query(operation="SELECT", table="orders"):
        pass
    with logweir.track_cache_operation(operation="get") as look_up:
        look_up["cache_result"] = "hit"
    with logweir.track_external_call(target="payments", method="POST"):
        pass
    with logweir.track_auth_attempt(method="password"):
        pass
    with logweir.track_storage_operation(operation="upload", size_bytes=10):
        pass
    with logweir.track_speech_request(kind="stt", provider="whisper"):
        pass
    with logweir.track_rag_pipeline():
        pass
    with logweir.track_document_processing(document_type="pdf"):
        pass
    asyncio.run(answer())
    render()
    try:
        1 / 0
    except ZeroDivisionError:
        logweir.capture_exception(component="billing")
    logweir.capture_message("stock is low")

work()
assert logweir.close(10)
"""

COUNTED = """
    http_requests_total http_slow_requests_total db_queries_total cache_hits_total agent_calls_total
    agent_tokens_used_total external_api_calls_total auth_attempts_total storage_bytes_total
    speech_requests_total ai_pipeline_runs_total documents_processed_total code_block_duration_seconds_count
    errors_total active_users
""".split()


@pytest.mark.timeout(180)
def test_every_helper_is_counted_and_what_is_reported_by_hand_arrives_in_sentry(
    bugsink: Bugsink, tmp_path: Path
) -> None:
    dsn = bugsink.new_project()
    with LiveService(tmp_path / "data", environment={"SENTRY_DSN": dsn}) as service:
        known = {key: value for key, value in os.environ.items() if not key.startswith("LOGWEIR_")}
        there = {"LOGWEIR_URL": service.url, "LOGWEIR_SERVICE": "shop", "HOME": str(tmp_path)}
        subprocess.run([sys.executable, "-c", APPLICATION], env=known | there, check=True, timeout=60)
        metrics = service.get("/metrics").data.decode()
        missing = [name for name in COUNTED if not re.search(rf'^{name}{{.*service="shop"', metrics, re.M)]
        assert missing == []
        events = _arrived(bugsink, dsn)
    error, message = sorted(events, key=lambda event: event["level"])
    assert error["exception"]["values"][0]["type"] == "ZeroDivisionError"
    assert (message["level"], message["logentry"]["formatted"]) == ("info", "stock is low")
    for event in (error, message):
        assert (event["user"], event["tags"]["shard"]) == ({"id": "48213"}, "3")
        crumbs = {crumb["category"]: crumb for crumb in event["breadcrumbs"]["values"]}
        assert crumbs["shop.cart"]["message"] == "cart loaded"
        assert "sleep" in crumbs["shop.profile.block.slow"]["data"]["profile"]
        assert crumbs["shop.db.query"]["type"] == "query"


def _arrived(bugsink: Bugsink, dsn: str) -> list[dict[str, Any]]:
    """The two events, once both are there."""
    deadline = time.monotonic() + 60
    while len(events := bugsink.events(dsn)) < 2 and time.monotonic() < deadline:
        time.sleep(0.25)
    assert len(events) == 2
    return [event["data"] for event in events]

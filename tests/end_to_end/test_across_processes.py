"""Two applications and the service, each a process: one story over a queue, and samples as metrics."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from tests.end_to_end.live import LiveService

ORDERS = """
import asyncio, json, logweir, time

health = logweir.Health()
health.add("postgres", lambda: True)
health.add("mail", lambda: False, critical=False)
logweir.configure("orders", samplers=["load", "system", health], traces_sample_rate=1)

async def place():
    with logweir.event("order.placed", order_id=1):
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(logweir.ThreadPoolExecutor(1), logweir.emit, "stock.reserved")
        return json.dumps(logweir.carry("user_id"))

with logweir.bound(user_id="u-1"):
    print(asyncio.run(place()))
time.sleep(0.5)
logweir.close(10)
"""

MAILER = """
import sys, logweir

logweir.configure("mailer")
with logweir.resume(sys.argv[1]), logweir.event("reminder.sent"):
    logweir.emit("mail.written")
logweir.close(10)
"""


def run(code: str, *arguments: str, url: str) -> str:
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("LOGWEIR_", "SENTRY_"))
    }
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**environment, "LOGWEIR_URL": url},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
    ).stdout.strip()


@pytest.mark.timeout(120)
def test_a_story_goes_through_a_queue_and_samplers_become_metrics(tmp_path: Path) -> None:
    with LiveService(tmp_path) as live:
        carried = run(ORDERS, url=live.url)
        assert run(MAILER, carried, url=live.url) == ""
        scraped = live.get("/metrics").data.decode()
        correlation_id = orjson.loads(carried)["correlation_id"]
        found = subprocess.run(
            [sys.executable, "-m", "logweir_service", "grep", correlation_id, "--data", tmp_path, "--json"],
            capture_output=True,
            check=False,
            timeout=60,
        )
    story = {event["event"]: event for event in map(orjson.loads, found.stdout.splitlines())}
    assert story.keys() == {"stock.reserved", "order.placed", "mail.written", "reminder.sent"}, found.stderr
    placed, sent = story["order.placed"], story["reminder.sent"]
    assert (placed["service"], sent["service"]) == ("orders", "mailer")
    assert sent["parent_span_id"] == story["stock.reserved"]["parent_span_id"] == placed["span_id"]
    assert story["mail.written"]["parent_span_id"] == sent["span_id"]
    assert placed["trace_sampled"] is sent["trace_sampled"] is True
    assert sent["user_id"] == "u-1"
    shown = [line for line in scraped.splitlines() if 'service="orders"' in line]
    assert value(shown, "http_requests_in_progress") == 0
    assert value(shown, "app_process_memory_bytes") > 1_000_000
    assert value(shown, "dependency_up", 'dependency="postgres"') == 1
    assert value(shown, "dependency_up", 'dependency="mail"') == 0


def value(lines: list[str], name: str, label: str = "") -> float:
    (found,) = [line for line in lines if line.startswith(f"{name}{{") and label in line]
    return float(found.split()[1])

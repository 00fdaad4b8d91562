"""Before and after, as ``docs/replacing.md`` shows them, tell Prometheus and Sentry the same."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import logweir
from logweir.testing import CapturingSink
from tests.contract.service_in_small import ServiceInSmall

PAGE = Path(__file__).parents[2] / "docs" / "replacing.md"
METRICS_BEFORE, METRICS_AFTER, METRICS_SHIM, SENTRY_BEFORE, SENTRY_AFTER = re.findall(
    r"^```python\n(.*?)^```$", PAGE.read_text(), flags=re.M | re.S
)

USE = """
import sqlite3
connection = sqlite3.connect(":memory:")
connection.execute("CREATE TABLE orders (id)")
load_orders(connection)
from prometheus_client import generate_latest
print(generate_latest().decode())
"""

CAPTURE = """
import json
import sentry_sdk
from sentry_sdk.transport import Transport

class Printing(Transport):
    def capture_envelope(self, envelope):
        print(json.dumps(envelope.get_event(), default=str))

sentry_sdk.init(dsn="http://key@localhost/1", transport=Printing, release="1", server_name="host")
check_out("48213")
"""


def printed_by(code: str) -> str:
    """What a process of its own prints: metrics objects and the SDK are global."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_a_hand_written_metrics_module_is_replaced_with_its_metrics(sink: CapturingSink) -> None:
    before = re.findall(r"^(db_\w+(?:_total|_count))\{(.*)\} (\S+)$", printed_by(METRICS_BEFORE + USE), re.M)
    scope: dict[str, Any] = {}
    exec(METRICS_AFTER, scope)
    with sqlite3.connect(":memory:") as connection:
        connection.execute("CREATE TABLE orders (id)")
        scope["load_orders"](connection)
    connection.close()
    shown = ServiceInSmall(sink.lines).metrics()
    assert len(before) == 2
    for name, labels, value in before:
        assert shown[f"{name}{{{labels.replace(chr(34), '')}}}"] == float(value)
    assert sink.events[0]["db_rows"] == 0


def test_every_helper_stands_on_the_page() -> None:
    helpers = [name for name in logweir.__all__ if re.match("track_|profile_|capture_|set_|add_", name)]
    assert len(helpers) == 17
    assert [name for name in helpers if f"`{name}(" not in PAGE.read_text()] == ["profile_function"]
    assert "`@profile_function`" in PAGE.read_text()


def test_a_helper_that_is_given_a_duration_stays_with_one_line(sink: CapturingSink) -> None:
    scope: dict[str, Any] = {}
    exec(METRICS_SHIM, scope)
    scope["track_db_query"]("SELECT", "orders", 0.25)
    shown = ServiceInSmall(sink.lines).metrics()
    assert shown["db_queries_total{query_type=SELECT,table=orders}"] == 1
    assert shown["db_query_duration_seconds_sum{query_type=SELECT}"] == 0.25


def test_sentry_gets_the_same_as_from_an_sdk_in_the_process(sink: CapturingSink) -> None:
    before = [json.loads(line) for line in printed_by(SENTRY_BEFORE + CAPTURE).splitlines()]
    scope: dict[str, Any] = {}
    exec(SENTRY_AFTER, scope)
    scope["check_out"]("48213")
    after = ServiceInSmall(sink.lines).sentry_events()
    assert [told(event) for event in after] == [told(event) for event in before]
    error, message = after
    assert told(error)["exception"] == [("ZeroDivisionError", "division by zero", True)]
    assert told(message)["message"] == "the price has no divisor"


def told(event: dict[str, Any]) -> dict[str, Any]:
    """What people see of a Sentry event, in the words that both sides have in common."""
    crumbs = [crumb for crumb in event["breadcrumbs"]["values"] if crumb["category"].endswith("cart")]
    return {
        "level": event["level"],
        "user": event["user"],
        "shard": str(event["tags"]["shard"]),
        "crumbs": [(crumb["message"], crumb.get("level", "info")) for crumb in crumbs],
        "message": event.get("message")
        or (event["logentry"]["formatted"] if "exception" not in event else None),
        "exception": [
            (each["type"], each["value"], each["mechanism"]["handled"])
            for each in event.get("exception", {}).get("values", ())
        ],
    }

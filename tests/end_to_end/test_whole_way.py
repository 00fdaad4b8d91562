"""Applications, the ingest service and a Sentry server, each a real process: an error's whole way."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.bugsink import Bugsink

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(180)
def test_error_of_two_applications_arrives_in_sentry_with_the_story_of_both(
    bugsink: Bugsink, tmp_path: Path
) -> None:
    dsn = bugsink.new_project()
    demo = subprocess.run(
        [sys.executable, "-m", "deploy.demo.run", "--once", "--seconds", "4"],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path), "SENTRY_DSN": dsn},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=150,
    )
    assert demo.returncode == 0, demo.stdout + demo.stderr
    told = re.search(r"sent as ([0-9a-f]{32})", demo.stdout)
    assert told, demo.stdout
    events = {event["data"]["event_id"]: event["data"] for event in bugsink.events(dsn)}
    assert told[1] in events
    _check_charge(events[told[1]])
    assert {event["tags"]["service"] for event in events.values()} == {"shop", "payments"}
    assert len(bugsink.issues(dsn)) == 2


def _check_charge(event: dict[str, Any]) -> None:
    timeout, charge = event["exception"]["values"]
    assert (timeout["type"], charge["type"]) == ("TimeoutError", "ChargeFailed")
    assert charge["mechanism"]["handled"] is False
    own = [frame for frame in charge["stacktrace"]["frames"] if frame["in_app"]]
    assert own[-1]["function"] == "charge"
    assert "raise ChargeFailed" in own[-1]["context_line"]
    assert event["user"]["id"].startswith("u-")
    assert event["request"]["method"] == "POST"
    assert event["request"]["url"].endswith("/charges")
    assert event["transaction"] == "POST /charges"
    assert event["tags"]["service"] == "payments"
    categories = {crumb["category"].partition(".")[0] for crumb in event["breadcrumbs"]["values"]}
    assert categories == {"shop", "payments"}
    assert json.dumps(event).count("Traceback") == 0

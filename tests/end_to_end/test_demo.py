"""``make demo`` shows the main job, says so, and fails where any part of it does not work."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.service.promote.sentry_server import serving

ROOT = Path(__file__).parents[2]


def demo(folder: Path, *arguments: str, **environ: str) -> subprocess.Popen[str]:
    """The demo in an environment with nothing in it, started from a folder of its own."""
    (folder / "tmp").mkdir()
    return subprocess.Popen(
        [sys.executable, "-m", "deploy.demo.run", *arguments],
        cwd=folder,
        env={"PATH": os.defpath, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder / "tmp"), **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def processes_of(folder: Path) -> list[str]:
    """The command lines of the programs whose temporary files are in the demo's folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"TMPDIR={folder}/tmp".encode() in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            pass  # it has ended meanwhile
    return found


def test_report_shows_counts_metrics_a_story_across_both_services_and_its_sentry_event(
    tmp_path: Path,
) -> None:
    with demo(tmp_path, "--once", "--seconds", "3") as process:
        output, errors = process.communicate(timeout=90)
    assert (process.returncode, errors) == (0, ""), output
    for essential in (
        r"^  \d{3,} events accepted: \d+ by shop, \d+ by payments$",
        r"^  none rejected, none lost, none dropped$",
        r'^  http_requests_total\{service="shop",method="POST",endpoint="/checkout",status="502"\} +\d+$',
        r"logweir grep [0-9a-f]{32} --url http://127\.0\.0\.1:\d+$",
        r"^  the state .*logweir status --url http://127\.0\.0\.1:\d+$",
        r"^[0-9a-f]{32}\b.*\b10 events, 2 errors, 2 services \((shop, payments|payments, shop)\)",
        r"^error in payments after .*: http\.request  POST /charges 500 ChargeFailed",
        r"^  ChargeFailed: order \d+ may or may not be paid$",
        r"^> .* payments  error +http\.request +POST /charges 500 ChargeFailed",
        r"deploy/demo/payments\.py:\d+ in authorise",
        r"shop      warning  http\.request +POST /checkout 502",
        r"^The Sentry event made of it \(not sent, since SENTRY_DSN is not set\)$",
        r"^  exception    ChargeFailed: order \d+ may or may not be paid$",
        r"^  caused by    TimeoutError: ",
        r"^  user         id=u-\d$",
        r"shop\.cart\.loaded",
        r"payments\.db\.query",
        r"^  the story    http://127\.0\.0\.1:\d+/c/[0-9a-f]{32}$",
        r"^  metrics      http://127\.0\.0\.1:\d+/metrics$",
        r"^Checked: ",
    ):
        assert re.search(essential, output, re.M), f"{essential} is not in\n{output}"
    assert "\x1b" not in output
    assert (processes_of(tmp_path), [*(tmp_path / "tmp").iterdir()]) == ([], [])


def test_sentry_event_is_really_sent_where_there_is_a_dsn(tmp_path: Path) -> None:
    with serving() as sentry, demo(tmp_path, "--once", "--seconds", "0", SENTRY_DSN=sentry.dsn) as process:
        output, errors = process.communicate(timeout=90)
    assert (process.returncode, errors) == (0, ""), output
    sent_as = re.search(r"^The Sentry event made of it, sent as ([0-9a-f]{32})$", output, re.M)
    assert sent_as, output
    [event] = [each.event for each in sentry.requests if each.event["event_id"] == sent_as[1]]
    assert event["exception"]["values"][-1]["type"] == "ChargeFailed"


def test_rules_without_the_metrics_and_promotions_make_it_fail_with_a_line_for_each_part(
    tmp_path: Path,
) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(
        "version: 1\n"
        "metrics:\n"
        "  - {name: http_requests_total, type: counter, help: Requests., event: http.request,\n"
        "     labels: {service: service, endpoint: {from: http_route, default: unmatched}}}\n"
    )
    with demo(tmp_path, "--once", "--seconds", "0", LOGWEIR_RULES=str(rules)) as process:
        _, errors = process.communicate(timeout=90)
    assert process.returncode == 1
    assert "demo: FAILED: /metrics has no errors_total\n" in errors
    assert "demo: FAILED: no Sentry event was made of the exception\n" in errors
    assert all(line.startswith("demo: FAILED: ") for line in errors.splitlines())


def test_part_that_cannot_start_is_named_with_what_it_said(tmp_path: Path) -> None:
    with demo(tmp_path, "--once", LOGWEIR_RULES="/nowhere") as process:
        _, errors = process.communicate(timeout=90)
    assert process.returncode == 1
    assert errors.startswith("demo: the ingest service did not start; the last it said:\n")
    assert "/nowhere" in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("seconds", "last_line", "code"),
    [("60", "Starting", 130), ("60", "    0 s", 130), ("0", "Still serving", 0)],
    ids=["while it starts", "during the traffic", "while it serves"],
)
def test_ctrl_c_leaves_no_process_no_file_and_no_traceback(
    tmp_path: Path, seconds: str, last_line: str, code: int
) -> None:
    with demo(tmp_path, "--seconds", seconds) as process:
        assert process.stdout is not None
        while not process.stdout.readline().startswith(last_line):
            assert process.poll() is None
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (code, "")
    assert (processes_of(tmp_path), [*(tmp_path / "tmp").iterdir()]) == ([], [])

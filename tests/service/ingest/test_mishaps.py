"""Who loses events is named in the log once a minute, with what and how many, and what to do."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from logweir.fields import LEVELS
from logweir_service.decode import Rejection
from logweir_service.ingest.mishaps import Mishaps
from logweir_service.pipeline import Receipt

from .test_door import client, line, stream
from .test_refusals import Clock, told

pytestmark = pytest.mark.fault(31)

LEVEL = f"level must be one of {', '.join(LEVELS)}"
CONTROL = b'{"_lost":{"count":20}}\n'
SHOP, UNNAMED = "service shop at 127.0.0.1", "an unnamed service at 127.0.0.1"
MALFORMED = "JSON is malformed: invalid character (byte 4)"
SEE = "; mend the sender, and see them with `logweir dead ls --code"
STREAM = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"


def lines_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, *bodies: tuple[bytes, int | None]
) -> list[str]:
    """What the log says of bodies, each with its first number."""
    caplog.set_level("INFO", "logweir_service.ingest")

    async def run() -> None:
        async with client(tmp_path, LOGWEIR_INGEST_TOKENS="not-a-secret=shop") as opened:
            for body, seq in bodies:
                identity = stream(seq) if seq else {}
                kind = {"content-type": "application/x-ndjson", "authorization": "Bearer not-a-secret"}
                await opened.post("/v1/events", content=body, headers=kind | identity)

    asyncio.run(run())
    return [record.getMessage() for record in caplog.records if record.name == "logweir_service.ingest"]


def test_rejected_events_are_told_by_service_and_code(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bad = line(level="loud") + b"\n"
    assert lines_of(tmp_path, caplog, (bad * 3 + b"{}\n" + line(), None), (bad, None), (b"nope", None)) == [
        f"{SHOP}: 3 events were rejected as invalid_field ({LEVEL}){SEE} invalid_field`",
        f"{SHOP}: 1 events were rejected as missing_field (event is required){SEE} missing_field`",
        f"{UNNAMED}: 1 events were rejected as invalid_json ({MALFORMED}){SEE} invalid_json`",
    ]


def test_hole_is_told_with_its_stream_and_not_again_with_a_repeat(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    behind = line(n=2)
    (told,) = lines_of(tmp_path, caplog, (line(), 5), (behind, 10), (behind, 10))
    assert told.startswith(f"{SHOP}: stream {STREAM} left out 4 numbers: these events are lost (never_sent)")


def test_what_a_sender_dropped_is_told_by_the_service_of_its_stream(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (told,) = lines_of(tmp_path, caplog, (line(), 1), (CONTROL, 2), (CONTROL, 2))
    assert told.startswith(f"{SHOP}: dropped 20 events before they were sent (dropped_by_sender)")


def test_conflict_and_forbidden_service_are_told_by_service(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    forbidden = line(service="web")
    lines = lines_of(tmp_path, caplog, (line(), 1), (line(n=2), 1), (line(n=3), 1), (forbidden, None))
    assert [each.split(",")[0] for each in lines] == [
        "a sender of shop at 127.0.0.1: 409 stream_conflict",
        "a sender of web at 127.0.0.1: 403 service_not_allowed",
    ]
    assert f"stream {STREAM} " in lines[0]


def test_events_held_back_are_counted_not_bodies(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "logweir_service.ingest")
    clock = Clock()
    mishaps = Mishaps(clock=clock)
    rejection = Rejection(0, "missing_field", "event", "event is required", b"{}", 0)
    receipt = Receipt(0, 0, [rejection] * 7, None, service="shop")
    for _ in range(4):
        mishaps.tell("10.0.0.1", receipt)
    clock.now += 60
    mishaps.tell("10.0.0.2", receipt)
    assert len(lines := told(caplog)) == 3
    assert lines[2] == "service shop at 10.0.0.1: 21 more events were rejected as missing_field"
    for number in range(5_000):
        mishaps.tell(f"10.1.0.{number}", receipt)
    assert len(told(caplog)) < 1_002
    assert len(mishaps._brake._quiet) < 1_002


def test_number_of_a_hole_that_comes_after_all_is_used_up_and_stays_lost(tmp_path: Path) -> None:
    async def run() -> tuple[dict[str, int], str]:
        async with client(tmp_path) as opened:
            kind = {"content-type": "application/x-ndjson"}
            for seq in (1, 4):
                await opened.post("/v1/events", content=line(n=seq), headers=kind | stream(seq))
            body = line(n=2) + b"\n" + line(n=3)
            late = await opened.post("/v1/events", content=body, headers=kind | stream(2))
            return late.json(), (await opened.get("/metrics")).text

    receipt, metrics = asyncio.run(run())
    assert (receipt["accepted"], receipt["duplicate"], receipt["next_seq"]) == (0, 2, 5)
    assert 'logweir_events_lost_total{reason="never_sent"} 2.0' in metrics
    assert "logweir_events_accepted_total 2.0" in metrics

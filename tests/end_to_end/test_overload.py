"""More than the service can take at once: refused with a hint when to come again; memory stays bounded."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from backports import zstd

from tests.end_to_end.live import LiveService
from tests.end_to_end.sending import Sender, requests, stored

SENDERS = 16
PER_BODY = 190
PADDING = "x" * 100_000
"""Bodies of 19 MB: 14 of them are more than may wait."""

BOUND_BYTES = 1 << 30


def peak_memory_bytes(live):
    status = Path(f"/proc/{live.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


@dataclass
class HeavySender(Sender):
    """Sends compressed bodies that are large behind the door."""

    def __post_init__(self):
        self.packed = zstd.compress(self.body(1, PER_BODY), 1)

    def post(self, first, count):
        headers = {"Logweir_Stream": self.stream, "Logweir_Seq": str(first)}
        return self.live.post(self.packed, Content_Encoding="zstd", **headers)


@pytest.mark.fault(53)
def test_overload_is_refused_with_spread_hints_and_what_is_accepted_is_stored_once(tmp_path):
    with LiveService(tmp_path / "data") as live:
        assert Sender(live, "warm").send()
        before = peak_memory_bytes(live)
        senders = [
            HeavySender(live, f"heavy-{number}", per_body=PER_BODY, padding=PADDING)
            for number in range(SENDERS)
        ]
        with ThreadPoolExecutor(SENDERS) as pool:
            tries = [pool.submit(insist, sender) for sender in senders]
            while not all(each.done() for each in tries):
                assert live.get("/health").status == 200
                time.sleep(0.1)
            for each in tries:
                each.result()
        assert peak_memory_bytes(live) - before < BOUND_BYTES
        refused = [answer for sender in senders for answer in sender.refused]
        assert {(answer.status, answer.json()["error"]) for answer in refused} == {(503, "overloaded")}
        hints = {int(answer.headers["Retry-After"]) for answer in refused}
        assert len(hints) > 1
        assert all(1 <= hint <= 10 for hint in hints)
        assert {sender.acknowledged for sender in senders} == {PER_BODY}
        assert requests(live) == {"warm": 20, **dict.fromkeys((each.service for each in senders), PER_BODY)}
        numbers = stored(live.data)
        assert all(numbers[sender.service] == list(range(1, PER_BODY + 1)) for sender in senders)
        assert live.stop() == 0


def insist(sender):
    """Send one body until it is acknowledged, more often than a shipper would."""
    deadline = time.monotonic() + 60
    while not sender.send():
        assert time.monotonic() < deadline
        time.sleep(0.7)

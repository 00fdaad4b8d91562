"""A folder copied while it is written to, as the documentation says, and services that start on copies."""

import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.end_to_end import small_segments
from tests.end_to_end.live import LiveService
from tests.end_to_end.sending import must_hold, requests, sending, stored, total, wait_for

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"
OFTEN = {"LOGWEIR_CHECKPOINT_SECONDS": "0.1"}


def documented(heading):
    """The commands under a heading."""
    section = OPERATIONS.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    found = re.search(r"^```\n(.*?)^```$", section, flags=re.M | re.S)
    assert found is not None
    return found[1]


def go_on(senders, count):
    """Wait until each sender has sent so many more."""
    goal = max(sender.acknowledged for sender in senders) + count
    wait_for(lambda: all(sender.acknowledged > goal for sender in senders))


@pytest.fixture
def backup(tmp_path):
    """A copy made under load, and the senders, which went on until their service was killed."""
    with LiveService(tmp_path / "data", environment=OFTEN, module=small_segments.__name__) as live:
        with sending(live, 4) as senders:
            for copy in ("first", "backup"):  # the second has had checkpoints and segments to copy
                go_on(senders, 400)
                subprocess.run(["sh", "-e", "-c", documented("Backup")], cwd=tmp_path, check=True)
                if copy == "first":
                    shutil.rmtree(tmp_path / "backup")
            go_on(senders, 100)
        live.stop(signal.SIGKILL)
    return tmp_path / "backup", senders


def numbers(live):
    """How many events of each service are stored; those of a copy have no gaps."""
    found = stored(live.data)
    assert all(each == list(range(1, len(each) + 1)) for each in found.values())
    return {service: len(each) for service, each in found.items()}


def send_everything_again(live, senders):
    """As a shipper does whose service lost what it had acknowledged: from the first number on."""
    held = numbers(live)
    for sender in senders:
        sender.live = live
        receipt = sender.post(1, sender.acknowledged).json()
        assert receipt["duplicate"] == held[sender.service] > 0
        assert receipt["accepted"] == sender.acknowledged - held[sender.service] > 0


def test_copy_made_under_load_is_whole_and_senders_go_on_with_it(backup):
    folder, senders = backup
    assert list((folder / "checkpoints").glob("*.checkpoint"))
    assert len(list((folder / "journal").glob("*.ndjson"))) > 1
    with LiveService(folder) as live:
        assert requests(live) == numbers(live)
        assert live.get("/v1/events?correlation_id=sender-0-1").json()["count"] == 1
        send_everything_again(live, senders)
        assert all(sender.send() for sender in senders)
        must_hold(live, *senders)
        assert total(live, "logweir_journal_damaged_segments_total") == 0
        assert live.stop() == 0


def test_restore_with_reset_counters_begins_at_0_with_new_creation_times_and_keeps_the_senders(backup):
    folder, senders = backup
    restored = time.time()
    options = documented("Restore").split()[2:]
    with LiveService(folder, *options) as live:
        assert "logweir serve " + " ".join(options) == documented("Restore").strip()
        assert sum(requests(live).values()) == 0
        held = numbers(live)
        assert live.get("/v1/events?correlation_id=sender-0-1").json()["count"] == 1
        send_everything_again(live, senders)
        assert requests(live) == {each.service: each.acknowledged - held[each.service] for each in senders}
        page = live.get("/metrics", Accept="application/openmetrics-text").data.decode()
        created = [float(value) for value in re.findall(r"^http_requests_created\{.*\} (\S+)$", page, re.M)]
        assert live.stop() == 0
    assert created
    assert min(created) >= restored - 1
    with LiveService(folder) as live:  # the counters go on from there
        assert requests(live) == {each.service: each.acknowledged - held[each.service] for each in senders}

"""Files of the data folder that a disk has damaged, removed while they are read, or that rules outlived."""

import signal
import threading

import pytest

from logweir_service.limits import Limits
from tests.end_to_end import small_segments
from tests.end_to_end.live import LiveService
from tests.end_to_end.sending import Sender, must_hold, requests, sending, total, wait_for

OFTEN = {"LOGWEIR_CHECKPOINT_SECONDS": "0.1"}
NEVER = {"LOGWEIR_CHECKPOINT_SECONDS": "3600"}
OWN = """
version: 1
metrics:
  - name: shop_calls_total
    type: counter
    help: Requests.
    event: http.request
"""


def checkpoints(data):
    return sorted((data / "checkpoints").glob("*.checkpoint"))


def segments(data):
    return sorted((data / "journal").glob("*.ndjson"))


def flip(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 0x01
    path.write_bytes(content)


def change_a_digit(path, _):
    """Damage that is JSON all the same."""
    flip(path, max(path.read_bytes().rfind(b"%d" % digit) for digit in range(10)))


def cut(path, place):
    path.write_bytes(path.read_bytes()[:place])


def covered(data):
    """The last commit that two checkpoints cover."""
    found = [int(checkpoint.stem) for checkpoint in checkpoints(data)]
    return found[-2] if len(found) > 1 else 0


def killed(data, environment):
    """A folder whose service was killed, and its sender; OFTEN, two segments are covered by checkpoints."""
    with LiveService(data, environment=environment, module=small_segments.__name__) as live:
        sender = Sender(live, "shop", per_body=100)
        while len(segments(data)) < 4:
            assert sender.send()
        while environment is OFTEN and covered(data) < int(segments(data)[2].stem):
            assert sender.send()
        live.stop(signal.SIGKILL)
    return sender


def started(live, sender):
    """Let the sender go on with a service that started on its folder."""
    sender.live = live
    return live


@pytest.mark.fault(6)
@pytest.mark.parametrize(
    ("damage", "place", "both"),
    [(flip, 0, False), (change_a_digit, 0, True), (cut, 0, True), (cut, -2, False)],
)
def test_checkpoints_that_are_damaged_are_replaced_by_a_longer_replay(tmp_path, damage, place, both):
    sender = killed(tmp_path / "data", OFTEN)
    damaged = checkpoints(tmp_path / "data")[0 if both else -1 :]
    for checkpoint in damaged:
        damage(checkpoint, place)
    with started(LiveService(tmp_path / "data"), sender) as live:
        must_hold(live, sender)
        assert total(live, "logweir_checkpoints_unusable_total") == len(damaged)
        count = min(sender.acknowledged, Limits().max_events)
        assert sender.post(1, count).json()["duplicate"] == count
        assert sender.send()
        must_hold(live, sender)
        assert live.stop() == 0


@pytest.mark.fault(6)
def test_counters_begin_anew_where_no_checkpoint_and_no_first_segment_is_left(tmp_path):
    sender = killed(tmp_path / "data", OFTEN)
    for checkpoint in checkpoints(tmp_path / "data"):
        cut(checkpoint, 0)
    segments(tmp_path / "data")[0].unlink()
    with started(LiveService(tmp_path / "data"), sender) as live:
        assert sum(requests(live).values()) == 0
        assert total(live, "logweir_counters_reset") == 1
        assert sender.send()
        assert requests(live) == {"shop": 100}


@pytest.mark.fault(5)
def test_damage_below_the_checkpoint_leaves_the_numbers_and_the_rest_is_searchable(tmp_path):
    sender = killed(tmp_path / "data", OFTEN)
    damaged = segments(tmp_path / "data")[1]
    flip(damaged, damaged.stat().st_size // 2)
    with started(LiveService(tmp_path / "data"), sender) as live:
        wait_for(lambda: total(live, "logweir_journal_damaged_segments_total") == 1)
        assert requests(live) == {"shop": sender.acknowledged}
        assert total(live, "logweir_counters_reset") == 0
        last = sender.acknowledged
        for number in (1, last):
            assert live.get(f"/v1/events?correlation_id=shop-{number}").json()["count"] == 1
        count = min(last, Limits().max_events)
        assert sender.post(1, count).json()["duplicate"] == count
        assert sender.send()
        assert requests(live) == {"shop": sender.acknowledged}
        assert damaged.with_suffix(".corrupt").exists()
        assert any(str(damaged) in line for line in live.log)


@pytest.mark.fault(5)
def test_damage_behind_the_checkpoint_lets_all_counters_begin_at_0_with_new_creation_times(tmp_path):
    sender = killed(tmp_path / "data", NEVER)
    for checkpoint in checkpoints(tmp_path / "data"):
        checkpoint.unlink()
    damaged = segments(tmp_path / "data")[1]
    flip(damaged, damaged.stat().st_size // 2)
    with started(LiveService(tmp_path / "data"), sender) as live:
        assert sum(requests(live).values()) == 0
        assert total(live, "logweir_counters_reset") == 1
        assert total(live, "logweir_journal_gaps_total") >= 1
        assert any(str(damaged) in line for line in live.log)
        assert live.get(f"/v1/events?correlation_id=shop-{sender.acknowledged}").json()["count"] == 1
        assert sender.send()
        assert requests(live) == {"shop": 100}
        assert live.stop() == 0


@pytest.mark.fault(16)
def test_search_of_segments_that_are_being_removed_never_fails(tmp_path):
    few = OFTEN | {"LOGWEIR_RETENTION_BYTES": "200000"}
    statuses: set[tuple[int, int]] = set()
    ever: set[str] = set()
    stopping = threading.Event()

    def removed() -> int:
        present = {path.name for path in segments(live.data)}
        ever.update(present)
        return len(ever - present)

    def search() -> None:
        while not stopping.is_set():
            answer = live.get("/v1/events?correlation_id=sender-0-1")
            statuses.add((answer.status, answer.json()["count"]))
            statuses.add((live.get("/metrics").status, 1))

    with LiveService(tmp_path / "data", environment=few, module=small_segments.__name__) as live:
        with sending(live, 2, per_body=100) as senders:
            threads = [threading.Thread(target=search) for _ in range(4)]
            for thread in threads:
                thread.start()
            wait_for(lambda: removed() >= 20)
            stopping.set()
            for thread in threads:
                thread.join(30)
        assert requests(live) == {sender.service: sender.acknowledged for sender in senders}
        wait_for(lambda: total(live, "logweir_journal_bytes") < 1_000_000)
        assert not any("Traceback" in line for line in live.log)
    assert statuses == {(200, 0), (200, 1)}


@pytest.mark.fault(44)
@pytest.mark.parametrize("environment", [OFTEN, NEVER])
def test_rules_that_change_between_crash_and_restart_leave_the_totals(tmp_path, environment):
    rules = tmp_path / "own.yaml"
    rules.write_text(OWN)
    arguments = ("--rules", f"packs,{rules}")
    with LiveService(tmp_path / "data", *arguments, environment=environment) as live:
        sender = Sender(live, "shop", per_body=100)
        assert all(sender.send() for _ in range(5))
        assert total(live, "shop_calls_total") == 500
        live.stop(signal.SIGKILL)
    rules.write_text(OWN.replace("shop_calls_total", "shop_visits_total"))
    with started(LiveService(tmp_path / "data", *arguments), sender) as live:
        must_hold(live, sender)
        assert total(live, "shop_calls_total") == 0
        assert sender.send()
        assert total(live, "shop_visits_total") == 100  # counted from the change on
        must_hold(live, sender)

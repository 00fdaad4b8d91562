"""The service keeps what it refuses: once, durably, and never at the price of a batch."""

import signal
import time

import pytest

from logweir_service.dead import letters
from tests.end_to_end.live import LiveService

STREAM = "0b54f5b1-2f6a-4f5e-9d3c-0d3f5ad0a001"
EVENT = b'{"event":"cart.paid","service":"shop","level":"info"}\n'
NO_LEVEL = b'{"event":"cart.paid","service":"shop"}\n'


@pytest.fixture
def live(tmp_path):
    with LiveService(tmp_path / "data") as service:
        yield service


def kept(service):
    return [
        (letter.id, letter.code, letter.stream, letter.number, letter.raw)
        for letter in letters(service.data / "dead")
    ]


def count(service, name):
    lines = service.get("/metrics").data.decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name))


def test_what_was_refused_is_kept_when_the_answer_says_so(live):
    answer = live.post(EVENT + NO_LEVEL + EVENT + b"not json\n", Logweir_Stream=STREAM, Logweir_Seq="11")
    live.stop(signal.SIGKILL)
    assert answer.json()["rejected_count"] == 2
    assert kept(live) == [
        (1, "missing_field", STREAM, 12, NO_LEVEL.rstrip()),
        (2, "invalid_json", STREAM, 14, b"not json"),
    ]


def test_a_body_of_nothing_but_refused_events_is_kept(live):
    assert live.post(NO_LEVEL * 3).json()["rejected_count"] == 3
    assert [(letter[0], letter[2], letter[3]) for letter in kept(live)] == [
        (1, None, None),
        (2, None, None),
        (3, None, None),
    ]
    assert count(live, "logweir_dead_letters_total") == 3
    assert count(live, "logweir_dead_letters_dropped_total") == 0


@pytest.mark.fault(18)
def test_what_is_sent_again_is_kept_once(live):
    body = EVENT + NO_LEVEL
    for _ in range(2):
        assert live.post(body, Logweir_Stream=STREAM, Logweir_Seq="1").status == 200
    live.post(body + NO_LEVEL + EVENT, Logweir_Stream=STREAM, Logweir_Seq="1")
    live.stop(signal.SIGKILL)
    live.start()
    live.post(body, Logweir_Stream=STREAM, Logweir_Seq="1")
    assert [(letter[0], letter[3]) for letter in kept(live)] == [(1, 2), (2, 3)]


def test_letters_are_no_part_of_the_journal(live):
    live.post(b'{"event":"a","service":"shop","correlation_id":"c-77"}\n' + EVENT)
    assert [letter[0] for letter in kept(live)] == [1]
    assert b"c-77" not in b"".join(path.read_bytes() for path in (live.data / "journal").iterdir())


@pytest.mark.fault(51)
def test_secrets_in_what_was_refused_do_not_reach_the_disk(live):
    live.post(b'{"event":"a","service":"shop","password":"hunter-2-hunter"}\n')
    live.post(b'{"event":"a","authorization":"Bearer hunter-2-hunter" broken\n')
    assert [letter[0] for letter in kept(live)] == [1, 2]
    found = [path for path in live.data.rglob("*") if path.is_file() and b"hunter" in path.read_bytes()]
    assert found == []


@pytest.mark.fault(9, 12)
def test_letters_that_cannot_be_kept_cost_no_batch(tmp_path):
    (tmp_path / "data" / "dead" / f"{1:020}.ndjson").mkdir(parents=True)
    with LiveService(tmp_path / "data") as live:
        answer = live.post(EVENT + NO_LEVEL)
        assert (answer.status, answer.json()["accepted"], answer.json()["rejected_count"]) == (200, 1, 1)
        assert count(live, 'logweir_dead_letters_dropped_total{reason="disk"}') == 1
        assert count(live, "logweir_dead_letters_total") == 0
        assert len([line for line in live.log if "dead letters" in line]) == 1


@pytest.mark.fault(9)
def test_a_batch_for_which_there_is_no_room_leaves_no_letters(tmp_path):
    live = LiveService(tmp_path / "data", environment={"LOGWEIR_MIN_FREE_BYTES": str(1 << 60)})
    live.launch()
    try:
        while not any("takes no events yet" in line for line in live.log):
            time.sleep(0.01)
        for _ in range(3):
            assert live.post(EVENT + NO_LEVEL, Logweir_Stream=STREAM, Logweir_Seq="1").status == 503
        assert kept(live) == []
    finally:
        live.stop()

"""The same events again, in every way in which a sender may send them: stored, counted, promoted once."""

import dataclasses
import json
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import urllib3

from tests.end_to_end.live import LiveService
from tests.end_to_end.proxy import lossy_proxy
from tests.end_to_end.sending import Sender, must_hold, request_line, stored, total
from tests.service.promote.sentry_server import serving

THREE = 3


def receipts(answers):
    """How many were accepted and how many known, of each answer, sorted."""
    assert [answer.status for answer in answers] == [200] * len(answers)
    return sorted((answer.json()["accepted"], answer.json()["duplicate"]) for answer in answers)


@pytest.mark.fault(18)
def test_body_that_comes_three_times_is_stored_counted_and_promoted_once(tmp_path):
    failed = request_line("shop", 1, level="error", http_response_status_code=500, error_type="Timeout")
    headers = {"Logweir_Stream": "1b4e28ba-2fa1-11d2-883f-0016d3cca427", "Logweir_Seq": "1"}
    with serving() as sentry, LiveService(tmp_path / "data", environment={"SENTRY_DSN": sentry.dsn}) as live:
        answers = [live.post(failed, **headers) for _ in range(THREE)]
        assert receipts(answers) == [(0, 1), (0, 1), (1, 0)]
        assert [answer.json()["next_seq"] for answer in answers] == [2] * THREE
        assert total(live, "http_requests_total") == 1
        assert total(live, "logweir_events_duplicate_total") == 2
        assert stored(live.data) == {"shop": [1]}
        sentry.wait_for(1)
        # A second error shows that promotion went past the repeats.
        live.post(failed.replace(b"shop", b"till"))
        sentry.wait_for(2)
        assert [request.event["tags"]["service"] for request in sentry.requests] == ["shop", "till"]


@pytest.mark.fault(18)
def test_body_that_comes_three_times_at_once_is_stored_and_counted_once(tmp_path):
    with LiveService(tmp_path / "data") as live, ThreadPoolExecutor(THREE) as pool:
        sender = Sender(live, "shop")
        stopped = threading.Barrier(THREE, lambda: live.process.send_signal(signal.SIGSTOP))

        def post():
            live.get("/health")  # an open connection, so that it takes the service one step to hear all three
            stopped.wait(10)
            return sender.post(1, 20)

        waiting = [pool.submit(post) for _ in range(THREE)]
        time.sleep(0.5)  # the kernel takes them in meanwhile, which nobody can see from outside
        live.process.send_signal(signal.SIGCONT)
        assert receipts([each.result() for each in waiting]) == [(0, 20), (0, 20), (20, 0)]
        sender.acknowledged = 20
        must_hold(live, sender)
        assert total(live, "logweir_events_duplicate_total") == 40


@pytest.mark.fault(18)
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_what_comes_again_after_a_restart_and_cut_anew_is_stored_and_counted_once(tmp_path, end):
    with LiveService(tmp_path / "data") as live:
        sender = Sender(live, "shop")
        assert receipts([sender.post(1, 20), sender.post(21, 20)]) == [(20, 0), (20, 0)]
        live.stop(end)
        live.start()
        again = [sender.post(1, 20), sender.post(21, 20), sender.post(11, 20), sender.post(1, 40)]
        assert receipts(again) == [(0, 20), (0, 20), (0, 20), (0, 40)]
        assert receipts([sender.post(31, 20)]) == [(10, 10)]
        sender.acknowledged = 50
        must_hold(live, sender)


@pytest.mark.fault(20)
def test_cloned_stream_is_refused_with_409_and_the_first_is_kept(tmp_path):
    with LiveService(tmp_path / "data") as live:
        first = Sender(live, "shop")
        clone = Sender(live, "till", stream=first.stream)
        assert first.send()
        answer = clone.post(1, 20)
        assert (answer.status, answer.json()["error"]) == (409, "stream_conflict")
        assert total(live, "logweir_stream_conflicts_total") == 1
        live.stop(signal.SIGKILL)
        live.start()
        assert clone.post(1, 20).status == 409
        assert clone.post(1, 10).status == 200  # another count is a batch cut anew
        anew = dataclasses.replace(clone, stream="1b4e28ba-2fa1-11d2-883f-0016d3cca427")
        assert anew.send()
        must_hold(live, first, anew)


@pytest.mark.fault(21)
def test_sender_whose_answers_get_lost_sends_again_and_learns_that_all_is_known(tmp_path):
    with LiveService(tmp_path / "data") as live, lossy_proxy(live.url) as proxy:
        direct, url = Sender(live, "shop"), live.url
        live.url = proxy.url
        proxy.loses_answers = True
        for _ in range(THREE):
            with pytest.raises(urllib3.exceptions.HTTPError):
                direct.post(1, 20)
        proxy.loses_answers = False
        receipt = direct.post(1, 20).json()
        assert (receipt["accepted"], receipt["duplicate"], receipt["next_seq"]) == (0, 20, 21)
        live.url = url
        direct.acknowledged = 20
        must_hold(live, direct)
    first = json.loads(proxy.lost[0].partition(b"\r\n\r\n")[2])
    assert (first["accepted"], first["duplicate"]) == (20, 0)

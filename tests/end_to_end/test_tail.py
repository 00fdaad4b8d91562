"""Live tails of a real service: what they show, what they drop, and that nobody waits for them."""

import json
import signal
import socket
import time
from contextlib import ExitStack

import pytest

from tests.end_to_end.live import LiveService
from tests.end_to_end.sending import wait_for
from tests.end_to_end.watching import Watcher


def line(number, **more):
    members = {"event": "order.placed", "service": "shop", "level": "info", "n": number, **more}
    return json.dumps(members).encode() + b"\n"


@pytest.fixture
def live(tmp_path):
    with LiveService(tmp_path / "data") as service:
        yield service


def post(live, *lines):
    assert live.post(b"".join(lines)).json()["accepted"] == len(lines)


def metric(live, name):
    page = live.get("/metrics").data.decode()
    return next(float(each.split()[1]) for each in page.splitlines() if each.startswith(f"{name} "))


def test_what_is_stored_from_now_on_is_shown_as_it_is_stored(live):
    post(live, line(0))
    with Watcher(live, q="level:error", where="n > 1") as watcher:
        assert "text/event-stream" in str(watcher.response.getheader("content-type"))
        wait_for(lambda: metric(live, "logweir_tails") == 1)
        time.sleep(0.3)
        post(live, line(1, level="error"), line(2), line(3, level="error", message="b\nr\r<b>"))
        post(live, line(4, level="error"))
        first, second = (watcher.messages().__next__() for _ in range(2))
        assert (first.data["n"], second.data["n"]) == (3, 4)
        assert first.data["message"] == "b\nr\r<b>"
        assert first.id != second.id
    wait_for(lambda: metric(live, "logweir_tails") == 0)


def test_a_line_with_spaces_of_all_kinds_is_one_message(live):
    with Watcher(live) as watcher:
        wait_for(lambda: metric(live, "logweir_tails") == 1)
        time.sleep(0.3)
        post(live, b'{"timestamp":"2026-11-21T13:05:00Z","event":"a",\r"service":"shop",\t"level":"info"}\n')
        assert watcher.take(1)[0]["event"] == "a"


def test_who_comes_back_goes_on_behind_what_was_shown_also_over_a_restart(live):
    with Watcher(live) as watcher:
        wait_for(lambda: watcher.response.readline().startswith(b"id: "))
        post(live, line(1), line(2), line(3))
        messages = watcher.messages()
        shown = [next(messages) for _ in range(3)]
        assert [each.data["n"] for each in shown] == [1, 2, 3]
    assert live.stop() == 0
    live.start()
    post(live, line(4))
    with Watcher(live, headers={"Last-Event-ID": shown[1].id}) as watcher:
        assert [each["n"] for each in watcher.take(2)] == [3, 4]
    with Watcher(live, after=shown[0].id) as watcher:
        assert [each["n"] for each in watcher.take(3)] == [2, 3, 4]


@pytest.mark.fault(29)
def test_a_stop_waits_for_no_tail_and_tells_it(live):
    with ExitStack() as stack:
        watchers = [stack.enter_context(Watcher(live)) for _ in range(3)]
        wait_for(lambda: metric(live, "logweir_tails") == 3)
        began = time.monotonic()
        live.process.send_signal(signal.SIGTERM)
        for watcher in watchers:
            *_, last = watcher.messages()
            assert (last.event, last.data) == ("end", {"reason": "stopping"})
        assert live.process.wait(5) == 0
    assert time.monotonic() - began < 4
    assert not any("Traceback" in each or "Exception" in each for each in live.log)


@pytest.mark.fault(29)
def test_a_stop_does_not_wait_for_a_watcher_that_reads_nothing(live):
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", int(live.url.rpartition(":")[2])))
    client.sendall(b"GET /v1/tail HTTP/1.1\r\nHost: x\r\n\r\n")
    assert client.recv(100).startswith(b"HTTP/1.1 200")
    time.sleep(0.3)
    for number in range(10):
        post(live, *(line(number, message="x" * 200_000) for _ in range(20)))
        time.sleep(0.1)
    began = time.monotonic()
    assert live.stop() == 0
    assert time.monotonic() - began < 5
    client.close()


def test_a_flood_is_cut_short_and_the_rest_is_counted(live):
    with Watcher(live) as watcher:
        wait_for(lambda: watcher.response.readline().startswith(b"id: "))
        for _ in range(9):
            post(live, *(line(number) for number in range(1000)))
        shown = dropped = 0
        for message in watcher.messages():
            dropped += message.data["count"] if message.event == "dropped" else 0
            shown += message.event == "message"
            if shown + dropped >= 9000:
                break
        assert shown + dropped == 9000
        assert dropped > 5000
        assert metric(live, "logweir_tail_dropped_total") == dropped


def test_there_are_only_so_many(live):
    watchers = [Watcher(live) for _ in range(32)]
    wait_for(lambda: metric(live, "logweir_tails") == 32)
    answer = live.get("/v1/tail")
    assert (answer.status, answer.json()["error"]) == (503, "too_many_tails")
    assert int(answer.headers["retry-after"]) >= 1
    for watcher in watchers:
        watcher.close()
    wait_for(lambda: metric(live, "logweir_tails") == 0)


@pytest.mark.fault(50)
@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/v1/tail?q=level:eror", "invalid_query"),
        ("/v1/tail?where=open()", "invalid_query"),
        ("/v1/tail?after=1%27", "invalid_request"),
        ("/v1/tail?query=x", "invalid_request"),
    ],
)
def test_what_cannot_be_read_is_400_in_one_line(live, path, code):
    answer = live.get(path)
    assert (answer.status, answer.json()["error"]) == (400, code)
    assert "\n" not in answer.json()["message"]


@pytest.mark.fault(50)
def test_search_and_tail_want_a_read_token(tmp_path):
    tokens = {"LOGWEIR_READ_TOKENS": "reading", "LOGWEIR_INGEST_TOKENS": "sending=*"}
    with LiveService(tmp_path / "data", environment=tokens) as live:
        for path in ("/v1/tail", "/v1/search"):
            assert live.get(path).status == 401
            assert live.get(path, Authorization="Bearer sending").status == 401
        assert live.get("/v1/search", Authorization="Bearer reading").status == 200
        with Watcher(live, headers={"Authorization": "Bearer reading"}) as watcher:
            assert watcher.response.status == 200

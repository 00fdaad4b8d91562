"""``logweir grep --follow`` as people run it: on a folder, on a service, until Ctrl-C."""

import json
import signal

import pytest

from tests.end_to_end.live import LiveService
from tests.end_to_end.sending import wait_for
from tests.end_to_end.test_tail_command import Tailing


@pytest.fixture
def live(tmp_path):
    with LiveService(tmp_path / "data") as service:
        yield service


def post(live, name, **fields):
    event = {"event": name, "service": "shop", "level": "info", "correlation_id": "c1", **fields}
    assert live.post(json.dumps(event).encode()).json()["accepted"] == 1


def place(live, where):
    return ["--data", live.data] if where == "folder" else ["--url", live.url]


@pytest.mark.parametrize("where", ["folder", "service"])
def test_a_story_is_told_and_goes_on_with_each_event_once_until_ctrl_c(live, where):
    post(live, "one")
    post(live, "other", correlation_id="c2")
    following = Tailing("c1", "--follow", "--json", *place(live, where), command="grep")
    try:
        wait_for(lambda: bool(following.out))
        for number in range(20):
            post(live, f"more.{number}")
            post(live, "other", correlation_id="c2")
        wait_for(lambda: len(following.out) >= 21)
    finally:
        code = following.end(signal.SIGINT)
    assert [json.loads(line)["event"] for line in following.out] == [
        "one",
        *(f"more.{number}" for number in range(20)),
    ]
    assert (code, following.err) == (130, [])


@pytest.mark.parametrize("where", ["folder", "service"])
def test_a_story_can_be_waited_for_and_is_shown_nested_with_its_error(live, where):
    following = Tailing("t1", "--follow", *place(live, where), command="grep")
    try:
        wait_for(lambda: bool(following.err))
        timed = {"span_id": "a", "duration_seconds": 0.5}
        post(live, "request", trace_id="t1", **timed)
        wait_for(lambda: bool(following.out))
        error = {"level": "error", "exception": [{"type": "KeyError", "value": "x"}]}
        post(live, "broke", trace_id="t1", parent_span_id="a", **error)
        wait_for(lambda: "      KeyError: x\n" in following.out)
    finally:
        code = following.end(signal.SIGINT)
    assert following.err == ["logweir: nothing is stored under t1 yet\n"]
    assert code == 130
    told = [line for line in following.out if "..." not in line]
    assert "  500 ms  shop  info  request" in told[0]
    assert told[1].startswith("> ")
    assert told[1].endswith("shop  error    broke\n")
    assert told[2:] == ["      KeyError: x\n"]


def test_a_story_is_followed_over_a_restart_of_the_service(live):
    post(live, "one")
    following = Tailing("c1", "--follow", "--json", "--url", live.url, command="grep")
    try:
        wait_for(lambda: bool(following.out))
        assert live.stop() == 0
        wait_for(lambda: bool(following.err))
        live.start()
        post(live, "two")
        wait_for(lambda: len(following.out) >= 2)
    finally:
        following.end(signal.SIGINT)
    assert [json.loads(line)["event"] for line in following.out] == ["one", "two"]
    assert following.err[-1] == "logweir: the service is there again\n"


def test_what_ends_cannot_be_followed(live):
    for end in (["--until", "1h"], ["--limit", "5"]):
        following = Tailing("c1", "--follow", *end, *place(live, "folder"), command="grep")
        assert following.process.wait(30) == 64


def test_a_service_that_is_not_there_cannot_be_followed():
    following = Tailing("c1", "--follow", "--url", "http://127.0.0.1:1", command="grep")
    assert following.process.wait(30) == 1
    following.end(0)
    assert len(following.err) == 1

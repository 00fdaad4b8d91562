"""Searches over HTTP in a real service: filters, paging, progress, limits, and clients that hang up."""

import json
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.end_to_end.live import LiveService
from tests.end_to_end.sending import wait_for


def line(number, **more):
    members = {"event": "order.placed", "service": "shop", "level": "info", "n": number, **more}
    return json.dumps(members).encode() + b"\n"


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    with LiveService(tmp_path_factory.mktemp("search") / "data") as service:
        for first in range(0, 300, 10):
            body = b"".join(line(number) for number in range(first, first + 10))
            assert service.post(body).json()["accepted"] == 10
        odd = line(300, level="error", service="api", message="it's two words", correlation_id="c-1")
        assert service.post(odd).json()["accepted"] == 1
        yield service


def search(live, **fields):
    return live.http.request("GET", f"{live.url}/v1/search", fields=fields)


def numbers(answer):
    assert answer.status == 200, answer.data
    found = answer.json()
    assert found["count"] == len(found["events"])
    return [each["n"] for each in found["events"]]


def test_words_and_where_find_the_same_and_both_hold(live):
    for fields in (
        {"q": "service:api level:error"},
        {"q": '"two words"'},
        {"where": 'level == "error"'},
        {"q": "service:api", "where": "n == 300", "since": "1h"},
    ):
        answer = search(live, **fields)
        assert numbers(answer) == [300]
        told = answer.json()
        assert (told["next"], told["partial"], told["scanned_events"]) == (None, None, 301)
        assert told["scanned_bytes"] > 301 * 50
        assert told["oldest"] < told["events"][0]["timestamp"]
    assert numbers(search(live, q="service:api", where='level == "info"')) == []


def test_pages_follow_each_other_newest_first(live):
    pages, cursor = [], ""
    while cursor is not None:
        answer = search(live, q="service:shop", limit=70, cursor=cursor)
        pages.append(numbers(answer))
        cursor = answer.json()["next"]
    assert [number for page in pages for number in page] == [*reversed(range(300))]
    assert [len(page) for page in pages] == [70, 70, 70, 70, 20]


def test_time_range_is_of_the_events(live):
    assert numbers(search(live, since="1h", limit=1)) == [300]
    assert numbers(search(live, until="1h")) == []


def test_progress_is_streamed_in_front_of_the_end(live):
    for answer in (
        search(live, q="level:error", progress="true"),
        live.get("/v1/search?q=level:error", Accept="application/x-ndjson"),
    ):
        assert answer.headers["content-type"].startswith("application/x-ndjson")
        told = [json.loads(each) for each in answer.data.splitlines()]
        assert [each["n"] for each in told if "n" in each] == [300]
        assert told[-2]["_progress"]["share"] == 1.0
        end = told[-1]["_end"]
        assert (end["count"], end["next"], end["partial"], end["scanned_events"]) == (1, None, None, 301)


@pytest.mark.fault(50)
@pytest.mark.parametrize(
    ("fields", "code", "told"),
    [
        ({"limit": "0"}, "invalid_request", "limit: "),
        ({"limit": "1001"}, "invalid_request", "limit: "),
        ({"limit": "many"}, "invalid_request", "limit: "),
        ({"deadline": "11"}, "invalid_request", "deadline: "),
        ({"deadline": "0"}, "invalid_request", "deadline: "),
        ({"deadline": "nan"}, "invalid_request", "deadline: "),
        ({"cursor": "x' OR '1'='1"}, "invalid_request", "cursor: is none that was handed out"),
        ({"since": "yesterday"}, "invalid_request", "since: is no moment"),
        ({"until": "1y"}, "invalid_request", "until: is no moment"),
        ({"since": "1m", "until": "1h"}, "invalid_request", "since: is not before until"),
        ({"query": "level:error"}, "invalid_request", "query: "),
        ({"q": 'level:error "open'}, "invalid_query", "at character 13"),
        ({"q": "x" * 2001}, "invalid_query", "longer than 2000"),
        ({"where": "open('x')"}, "invalid_query", "where may not call"),
    ],
)
def test_what_cannot_be_read_is_400_in_one_line(live, fields, code, told):
    answer = search(live, **fields)
    assert answer.status == 400
    assert answer.json()["error"] == code
    assert told in answer.json()["message"]
    assert "\n" not in answer.json()["message"]


@pytest.mark.fault(50)
@pytest.mark.parametrize(
    "hostile", ["%", "c-%", "_-1", "c-1' OR '1'='1", ".*", "c-.", "*", "c-*", "c-1--", "c"]
)
def test_signs_of_other_languages_match_nothing_but_themselves(live, hostile):
    quoted = f'correlation_id:"{hostile}"'
    assert numbers(search(live, q=quoted)) == []
    itself = line(1000, service="signs", correlation_id="x", sign=hostile)
    assert live.post(itself).json()["accepted"] == 1
    found = search(live, q=f'service:signs sign:"{hostile}"').json()["events"]
    assert {each["sign"] for each in found} == {hostile}
    assert (
        live.http.request("GET", f"{live.url}/v1/events", fields={"correlation_id": hostile}).json()["count"]
        == 0
    )


def events(live, *arguments):
    """The exit code of ``logweir events`` asking the service, and what it writes."""
    command = [sys.executable, "-m", "logweir_service", "events", "--url", live.url, "--json", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, [json.loads(each)["n"] for each in done.stdout.splitlines()], done.stderr


def test_the_command_asks_a_service_page_by_page(live):
    assert events(live, "service:shop", "--since", "1h", "--limit", "1000000") == (0, [*range(300)], "")
    code, found, told = events(live, "service:shop", "--limit", "3")
    assert (code, found) == (0, [297, 298, 299])
    assert events(live, "service:shop", "--limit", "2", "--before", told.split()[-1])[1] == [295, 296]
    assert events(live, "service:nobody") == (1, [], "logweir: no such event is stored\n")


def test_more_than_a_page_of_the_service_is_fetched(live):
    body = b"".join(line(number, service="many") for number in range(2500))
    assert live.post(body).json()["accepted"] == 2500
    assert events(live, "service:many", "--limit", "2400")[1] == [*range(100, 2500)]


def children_of(pid):
    tasks = Path(f"/proc/{pid}/task")
    return [each for task in tasks.iterdir() for each in (task / "children").read_text().split()]


@pytest.fixture
def slow(tmp_path):
    """A service whose searches take their time: what they look for is nowhere."""
    with LiveService(tmp_path / "data") as service:
        text = b"".join(line(number, message="x" * 100, more=[*range(50)]) for number in range(1_000))
        for _ in range(90):
            assert service.post(text).json()["accepted"] == 1_000
        yield service


NOWHERE = f"/v1/search?limit=1&q={''.join(f'-{number}%C3%A9+' for number in range(45))}%C3%A9"
"""All texts of all events are looked at 46 times, and nothing is found."""


def ask(live, path):
    client = socket.create_connection(("127.0.0.1", int(live.url.rpartition(":")[2])))
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return client


@pytest.mark.fault(50)
def test_searches_keep_their_deadline_and_end_with_who_asked(slow):
    began = time.monotonic()
    answer = slow.get(f"{NOWHERE}&deadline=2")
    assert answer.status == 200
    told = answer.json()
    assert told["partial"] == "deadline"
    assert told["next"] is not None
    assert told["scanned_events"] < 90_000  # none on a machine so busy that a child is late to begin
    assert time.monotonic() - began < 6

    for path in (NOWHERE, f"{NOWHERE}&progress=true"):
        with ask(slow, path):
            wait_for(lambda: children_of(slow.process.pid))
        wait_for(lambda: not children_of(slow.process.pid))

    clients = [ask(slow, NOWHERE) for _ in range(4)]
    wait_for(lambda: len(children_of(slow.process.pid)) == 2)
    waiting = slow.get("/v1/search?q=level:info&deadline=0.5")
    assert waiting.status == 503
    assert waiting.json()["error"] == "busy"
    assert int(waiting.headers["retry-after"]) >= 1
    assert slow.post(line(1)).json()["accepted"] == 1
    for client in clients:
        client.close()
    wait_for(lambda: not children_of(slow.process.pid))
    assert slow.get("/v1/search?q=level:info&limit=1").json()["count"] == 1

    with ask(slow, NOWHERE):
        wait_for(lambda: children_of(slow.process.pid))
        found = children_of(slow.process.pid)
        slow.process.kill()
        slow.process.wait()
        wait_for(lambda: not any(is_alive(pid) for pid in found))


@pytest.mark.fault(29)
def test_a_stop_cuts_searches_short_and_tells_so(slow):
    with ask(slow, f"{NOWHERE}&deadline=10") as client:
        wait_for(lambda: children_of(slow.process.pid))
        began = time.monotonic()
        assert slow.stop() == 0
        assert time.monotonic() - began < 8
        assert b'"partial":"deadline"' in client.recv(1 << 16)


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False

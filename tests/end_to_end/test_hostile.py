"""What hostile senders get from a real service: a clear answer; its memory and its log stay small."""

import gzip
import json
import resource
import socket
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest
from backports import zstd

from tests.end_to_end.live import LiveService
from tests.service.scrub.corpus import ODD_CLOCK, OF_RULES, RULES, SECRETS

POST = b"POST /v1/events HTTP/1.1\r\nHost: x\r\n"
NDJSON = b"Content-Type: application/x-ndjson\r\n"


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(4096, hard)), hard))
    with LiveService(tmp_path_factory.mktemp("hostile") / "data") as service:
        yield service
        assert not any("Traceback" in line for line in service.log)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def good(**fields):
    event = {"event": "still.here", "service": "shop", "level": "info", "timestamp": "2026-09-21T14:13:20Z"}
    return json.dumps({**event, **fields}).encode()


@pytest.fixture(autouse=True)
def _still_works(live):
    yield
    answer = live.post(good())
    assert (answer.status, answer.json()["accepted"]) == (200, 1)


def connect(live):
    return socket.create_connection(("127.0.0.1", int(live.url.rpartition(":")[2])), timeout=30)


def exchange(live, request):
    """Send it, and return all that comes back until the service closes."""
    answer = b""
    with connect(live) as client:
        client.sendall(request)
        while chunk := client.recv(65536):
            answer += chunk
    return answer


def identity():
    return {"Logweir_Stream": str(uuid4()), "Logweir_Seq": "1"}


def peak_memory_bytes(live):
    status = Path(f"/proc/{live.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def gzip_bomb(size):
    packer = zlib.compressobj(9, wbits=31)
    block = bytes(1 << 20)
    return b"".join(packer.compress(block) for _ in range(size >> 20)) + packer.flush()


def zstd_bomb(size):
    packer = zstd.ZstdCompressor()
    block = bytes(1 << 20)
    return b"".join(packer.compress(block) for _ in range(size >> 20)) + packer.flush()


@pytest.mark.fault(34)
@pytest.mark.parametrize(
    ("encoding", "bomb"), [("gzip", gzip_bomb), ("zstd", zstd_bomb)], ids=["gzip", "zstd"]
)
def test_bomb_of_a_gigabyte_costs_less_than_64_megabytes(live, encoding, bomb):
    body = bomb(1 << 30)
    live.post(good())
    before = peak_memory_bytes(live)
    answer = live.post(body, Content_Encoding=encoding)
    assert (answer.status, answer.json()["error"]) == (413, "too_large")
    assert peak_memory_bytes(live) - before < 64 << 20


@pytest.mark.fault(34, 35)
def test_array_of_ten_million_numbers_costs_less_than_64_megabytes(live):
    body = gzip.compress(b"[" + b"1," * 9_999_000 + b"1]", 1)
    live.post(good())
    before = peak_memory_bytes(live)
    answer = live.post(body, Content_Type="application/json", Content_Encoding="gzip")
    assert (answer.status, answer.json()["error"]) == (413, "too_many_events")
    assert peak_memory_bytes(live) - before < 64 << 20


@pytest.mark.fault(35, 36)
@pytest.mark.parametrize(
    "body",
    [
        b'{"x":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
        b"{" + b",".join(b'"%d":1' % number for number in range(400_000)) + b"}",
        good(x="y" * 4_900_000),
        b"\xff" * 1_000_000,
        b"{" * 1_000_000,
        b"\0" * 1_000_000,
    ],
    ids=["depth", "keys", "one string", "bad utf-8", "braces", "nul"],
)
def test_event_that_no_one_should_send_is_rejected_alone(live, body):
    answer = live.post(body + b"\n" + good())
    receipt = answer.json()
    assert (answer.status, receipt["accepted"], receipt["rejected_count"]) == (200, 1, 1)


@pytest.mark.fault(35)
def test_million_keys_in_a_small_body_are_rejected_alone(live):
    body = b"{" + b",".join(b'"%d":1' % number for number in range(1_000_000)) + b"}\n" + good()
    receipt = live.post(gzip.compress(body, 1), Content_Encoding="gzip").json()
    assert (receipt["accepted"], receipt["rejected"][0]["code"]) == (1, "too_large")


@pytest.mark.fault(35)
def test_others_are_answered_while_worst_bodies_are_taken_in(live):
    """A canary asks on and on; without turns it would wait for each body whole, a second and more."""
    slow = good(_x=1, z=[[1]] * 20, x=json.loads("[" * 28 + "]" * 28), fill="x" * 1700) + b"\n"
    body = zstd.compress(slow * 9_900)
    waits = []
    with ThreadPoolExecutor(2) as threads:
        sending = [threads.submit(live.post, body, Content_Encoding="zstd", **identity()) for _ in range(2)]
        while not all(each.done() for each in sending):
            started = time.monotonic()
            assert live.get("/health").status == 200
            waits.append(time.monotonic() - started)
    assert [each.result().json()["accepted"] for each in sending] == [9_900] * 2
    assert len(waits) > 30
    assert sorted(waits)[len(waits) // 2] < 0.5


@pytest.mark.fault(35)
def test_array_nested_beyond_reason_is_refused(live):
    answer = live.post(b"[" * 1_000_000, Content_Type="application/json")
    assert (answer.status, answer.json()["error"]) == (400, "invalid_json")


@pytest.mark.fault(34)
def test_gzip_in_gzip_is_no_event(live):
    receipt = live.post(gzip.compress(gzip.compress(good())), Content_Encoding="gzip").json()
    assert (receipt["accepted"], receipt["rejected"][0]["code"]) == (0, "invalid_utf8")


@pytest.mark.fault(31)
def test_sender_that_vanishes_in_the_middle_leaves_one_line_and_nothing_stored(live):
    before = len(live.log)
    address, sender = ("127.0.0.1", int(live.url.rpartition(":")[2])), ("127.0.0.31", 0)
    with socket.create_connection(address, source_address=sender) as client:  # not named within a minute
        client.sendall(POST + b"Content-Type: application/x-ndjson\r\nContent-Length: 1000\r\n\r\n" + good())
    while len(live.log) == before:
        live.get("/health")
    assert [line for line in live.log[before:] if "hung up" in line] == live.log[before:]


CHUNKED = POST + NDJSON + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.fault(32)
@pytest.mark.parametrize(
    "request_bytes",
    [
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        CHUNKED + b"xyz\r\nhello\r\n0\r\n\r\n",
        CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n",
        CHUNKED + b"5\r\nhelloworld\r\n0\r\n\r\n",
        CHUNKED + b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        POST + b"Content-Length: 5, 5\r\n\r\nhello",
        POST + b"Content-Length: +5\r\n\r\nhello",
        POST + b"Content-Length: 99999999999999999999999\r\n\r\nhello",
        b"GET /health HTTP/1.1\nHost: x\n\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\nX: a\r\n folded\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\nX\0: a\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\nX: a\rb\r\n\r\n",
        b"GET /health HTTP/9.9\r\nHost: x\r\n\r\n",
        POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        POST + b"Content-Length: -5\r\n\r\n",
        b"GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"nonsense\r\n\r\n",
    ],
)
def test_request_that_is_no_http_is_closed_with_400(live, request_bytes):
    with socket.create_connection(("127.0.0.1", int(live.url.rpartition(":")[2])), timeout=10) as client:
        client.sendall(request_bytes)
        assert client.recv(1000).startswith(b"HTTP/1.1 400")


@pytest.mark.fault(31)
def test_bytes_behind_a_body_are_no_event_and_end_the_connection(live):
    body = good()
    length = b"Content-Length: %d\r\n\r\n" % len(body)
    answer = exchange(live, POST + NDJSON + length + body + good(correlation_id="smuggled"))
    assert b"HTTP/1.1 400" in answer
    assert live.get("/v1/events?correlation_id=smuggled").json()["count"] == 0


@pytest.mark.fault(31)
def test_length_that_is_a_lie_is_refused_before_a_byte_is_read(live):
    with socket.create_connection(("127.0.0.1", int(live.url.rpartition(":")[2])), timeout=10) as client:
        client.sendall(POST + b"Content-Type: application/x-ndjson\r\nContent-Length: 99999999999\r\n\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 413")


@pytest.mark.fault(33)
def test_swollen_head_is_refused(live):
    head = b"GET /health HTTP/1.1\r\nHost: x\r\n"
    assert exchange(live, head + b"X: " + b"y" * 100_000 + b"\r\n\r\n").startswith(b"HTTP/1.1 431")
    many = b"".join(b"X-%d: y\r\n" % number for number in range(5_000))
    assert exchange(live, head + many + b"\r\n").startswith(b"HTTP/1.1 431")
    assert exchange(live, b"GET /health HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 400")


@pytest.mark.fault(30)
def test_a_thousand_idle_sockets_do_not_keep_others_waiting_and_are_ended_with_408(live):
    with ExitStack() as idle:
        connections = [idle.enter_context(connect(live)) for _ in range(1_000)]
        for place, connection in enumerate(connections):
            connection.sendall((b"", b"GET / HTTP/1.1\r\n", POST + NDJSON + b"Content-Le")[place % 3])
        answers = [live.post(good()) for _ in range(20)]
        assert [answer.status for answer in answers] == [200] * 20
        assert all(connection.recv(100).startswith(b"HTTP/1.1 408") for connection in connections[-3:])


@pytest.mark.fault(38)
def test_control_characters_are_stored_escaped_and_named_in_no_line_of_the_log(live):
    odd = "a\r\nb\x1b[31m\u202e\t\0"
    before = len(live.log)
    body = b"\n".join(
        [good(message=odd, correlation_id="odd-1"), good(service=odd), good(correlation_id=odd)]
    )
    receipt = live.post(body).json()
    stored = live.get("/v1/events?correlation_id=odd-1").json()["events"]
    assert (receipt["accepted"], receipt["rejected_count"]) == (1, 2)
    assert [event["message"] for event in stored] == [odd]
    for segment in (live.data / "journal").iterdir():
        assert not set(segment.read_bytes()) & set(b"\r\t\x1b\0")
    assert not any("\x1b" in line or "31m" in line for line in live.log[before:])


@pytest.mark.fault(49)
def test_every_wrong_token_gets_the_same_words_and_none_is_logged(tmp_path):
    right = "not-a-secret-of-mine"
    wrong = ["", "Bearer", f"Bearer {right[:-1]}", f"Bearer {right}x", f"Basic {right}", right, "Bearer \xff"]
    with LiveService(tmp_path / "data", environment={"LOGWEIR_INGEST_TOKENS": f"{right}=*"}) as service:
        answers = [service.post(good(), Authorization=each) for each in wrong]
        asked = {"Content-Type": "application/x-ndjson"}
        url = f"{service.url}/v1/events?token={right}&access_token={right}"
        answers.append(service.http.request("POST", url, body=good(), headers=asked))
        taken = service.post(good(), Authorization=f"Bearer {right}")
        log = "\n".join(service.log)
    assert {(answer.status, answer.data) for answer in answers} == {(401, answers[0].data)}
    assert taken.status == 200
    assert right[:-1] not in log


@pytest.mark.fault(51)
def test_no_secret_is_found_in_any_file_whatever_way_it_came(tmp_path):
    rules = tmp_path / "rules.yaml"
    rules.write_text(json.dumps({"version": 1, "scrub": RULES}))
    cases = [*SECRETS.values(), ODD_CLOCK, *OF_RULES.values()]
    lines = [case.line for case in cases]
    refused = [line[:-1] + b', "level": "loud"}' for line in lines] + [line[:-1] for line in lines]
    with LiveService(tmp_path / "data", "--rules", str(rules)) as service:
        receipts = [
            service.post(b"\n".join(lines)).json(),
            service.post(b"\n".join(lines), **identity()).json(),
            service.post(b"\n".join([*lines, b"not JSON"])).json(),
            service.post(b"[%s]" % b",".join(lines), Content_Type="application/json").json(),
            *(service.post(line).json() for line in lines),
        ]
        assert service.post(b"\n".join(refused)).json()["accepted"] == 0
        service.stop()
        assert {receipt["rejected_count"] for receipt in receipts} == {0, 1}
        assert [receipt["accepted"] for receipt in receipts] == [len(lines)] * 4 + [1] * len(lines)
        kept = b"".join(path.read_bytes() for path in service.data.rglob("*") if path.is_file())
        kept += "\n".join(service.log).encode()
    assert kept.count(b"[redacted]") > 5 * len(lines) - 10
    assert [case.secret for case in cases if case.secret in kept] == []


@pytest.mark.fault(39)
def test_label_values_cannot_inject_samples(live):
    route = '/a"} 1\nevil_total 7\n# HELP x \\'
    live.post(
        good(event="http.request", http_route=route, http_request_method="GET", http_response_status_code=200)
    )
    lines = live.get("/metrics").data.decode().split("\n")
    assert not any(line.startswith("evil_total") for line in lines)
    assert any('endpoint="/a\\"} 1\\nevil_total 7\\n# HELP x \\\\"' in line for line in lines)

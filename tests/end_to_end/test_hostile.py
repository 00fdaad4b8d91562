"""What hostile senders get from a real service: a clear answer; its memory and its log stay small."""

import gzip
import json
import socket
import zlib
from pathlib import Path

import pytest
from backports import zstd

from tests.end_to_end.live import LiveService

POST = b"POST /v1/events HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    with LiveService(tmp_path_factory.mktemp("hostile") / "data") as service:
        yield service
        assert not any("Traceback" in line for line in service.log)


def good(**fields):
    event = {"event": "still.here", "service": "shop", "level": "info", "timestamp": "2026-09-21T14:13:20Z"}
    return json.dumps({**event, **fields}).encode()


@pytest.fixture(autouse=True)
def _still_works(live):
    yield
    answer = live.post(good())
    assert (answer.status, answer.json()["accepted"]) == (200, 1)


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


def test_array_nested_beyond_reason_is_refused(live):
    answer = live.post(b"[" * 1_000_000, Content_Type="application/json")
    assert (answer.status, answer.json()["error"]) == (400, "invalid_json")


def test_gzip_in_gzip_is_no_event(live):
    receipt = live.post(gzip.compress(gzip.compress(good())), Content_Encoding="gzip").json()
    assert (receipt["accepted"], receipt["rejected"][0]["code"]) == (0, "invalid_utf8")


def test_sender_that_vanishes_in_the_middle_leaves_one_line_and_nothing_stored(live):
    before = len(live.log)
    with socket.create_connection(("127.0.0.1", int(live.url.rpartition(":")[2]))) as client:
        client.sendall(POST + b"Content-Type: application/x-ndjson\r\nContent-Length: 1000\r\n\r\n" + good())
    while len(live.log) == before:
        live.get("/health")
    assert [line for line in live.log[before:] if "hung up" in line] == live.log[before:]


@pytest.mark.parametrize(
    "request_bytes",
    [
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
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


def test_length_that_is_a_lie_is_refused_before_a_byte_is_read(live):
    with socket.create_connection(("127.0.0.1", int(live.url.rpartition(":")[2])), timeout=10) as client:
        client.sendall(POST + b"Content-Type: application/x-ndjson\r\nContent-Length: 99999999999\r\n\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 413")


def test_label_values_cannot_inject_samples(live):
    route = '/a"} 1\nevil_total 7\n# HELP x \\'
    live.post(
        good(event="http.request", http_route=route, http_request_method="GET", http_response_status_code=200)
    )
    lines = live.get("/metrics").data.decode().split("\n")
    assert not any(line.startswith("evil_total") for line in lines)
    assert any('endpoint="/a\\"} 1\\nevil_total 7\\n# HELP x \\\\"' in line for line in lines)

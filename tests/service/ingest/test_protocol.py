"""Slow and swollen requests, on real sockets, against a server whose deadlines are short."""

import socket
import threading
import time
from functools import partial
from typing import Any

import pytest
import uvicorn

from logweir_service.ingest import GuardedProtocol, Refusals

HOST = b"Host: x\r\n"


class Impatient(GuardedProtocol):
    head_seconds = 0.3
    body_seconds = 0.3


async def answering(scope, receive, send):
    """Reads the body, and answers with its length."""
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size += len(message.get("body", b""))
        if not message.get("more_body"):
            break
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-size", b"%d" % size)]})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture(scope="module")
def counted():
    """The statuses and codes of refused requests."""
    return []


@pytest.fixture(scope="module")
def port(counted):
    protocol: Any = partial(Impatient, refusals=Refusals(lambda *answer: counted.append(answer)))
    config = uvicorn.Config(answering, http=protocol, ws="none", lifespan="off", log_config=None, port=0)
    server = uvicorn.Server(config)
    listener = config.bind_socket()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join()
    listener.close()


def talk(port, *parts, sender="127.0.0.1"):
    """Send the parts, and return all that comes back until the server closes."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=10, source_address=(sender, 0)) as client:
        for part in parts:
            client.sendall(part)
        while chunk := client.recv(65536):
            answer += chunk
    return answer


@pytest.mark.fault(30)
@pytest.mark.parametrize(
    "parts",
    [
        (),
        (b"GET / HTTP/1.1\r\n",),
        (b"GET / HTTP/1.1\r\n" + HOST + b"X: ",),
        (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 10\r\n\r\nabc",),
        (b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",),
    ],
    ids=["silence", "half a head", "half a header", "half a body", "half a chunk"],
)
def test_slow_request_is_ended_with_408(port, parts):
    answer = talk(port, *parts)
    assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b'"error":"too_slow"' in answer


@pytest.mark.fault(31)
@pytest.mark.parametrize(
    ("place", "parts", "answers"),
    [
        (1, (), []),
        (2, (b"GET / HTTP/1.1\r\n",), [(408, "too_slow")]),
        (3, (b"\x1b[31m\r\n\r\n",), [(400, "invalid_http")]),
        (4, (b"GET / HTTP/1.1\r\n\r\n",), [(400, "invalid_http")]),
        (5, (b"GET / HTTP/1.1\r\nX: " + b"y" * 20_000,), [(431, "headers_too_large")]),
        (6, (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 10\r\n\r\nabc",), [(408, "too_slow")]),
    ],
    ids=["silence", "half a head", "no HTTP", "no host", "a large head", "half a body"],
)
def test_bad_request_is_counted_and_one_line_in_the_log_that_names_its_sender(
    port, counted, caplog, place, parts, answers
):
    caplog.set_level("INFO", "logweir_service")
    sender = f"127.0.3.{place}"  # each address is named once a minute
    counted.clear()
    talk(port, *parts, sender=sender)
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("logweir")]
    told = [line.partition(": ")[2].split(",")[0] for line in lines]
    assert told == [f"{status} {code}" for status, code in answers]
    assert all(sender in line for line in lines)
    assert counted == answers


@pytest.mark.fault(30)
def test_head_that_drips_on_is_ended_though_it_never_pauses(port):
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(b"GET / HTTP/1.1\r\n")
        answer = b""
        client.settimeout(0.05)
        while not answer:
            client.sendall(b"X-More: 1\r\n"[:1])
            try:
                answer = client.recv(100)
            except TimeoutError:
                continue
    assert answer.startswith(b"HTTP/1.1 408")


@pytest.mark.fault(33)
@pytest.mark.parametrize(
    ("head", "code"),
    [
        (b"X: " + b"y" * 100_000 + b"\r\n", b"headers_too_large"),
        (b"X: " + b"y" * 20_000 + b"\r\n", b"headers_too_large"),
        (b"X: " + b"y" * 100_000, b"headers_too_large"),
        (b"".join(b"X-%d: y\r\n" % n for n in range(5000)), b"too_many_headers"),
        (b"".join(b"X-%d: y\r\n" % n for n in range(100)), b"too_many_headers"),
    ],
    ids=["100 KB", "20 KB", "100 KB that never ends", "5000 headers", "100 headers"],
)
def test_swollen_head_is_refused_with_431(port, head, code):
    try:
        answer = talk(port, b"GET / HTTP/1.1\r\n" + HOST + head + b"\r\n")
    except ConnectionResetError:
        pytest.fail("the answer was lost in a reset")
    assert answer.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
    assert code in answer


@pytest.mark.fault(33)
def test_overlong_request_line_is_refused_with_431(port):
    answer = talk(port, b"GET /" + b"y" * 20_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 431")


@pytest.mark.fault(33)
def test_request_without_host_is_refused(port):
    assert talk(port, b"GET / HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 400")


def test_large_body_and_a_second_request_on_the_connection_are_served(port):
    body = b"x" * 1_000_000
    request = b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % len(body) + body
    answer = talk(port, request, b"GET / HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert b"x-size: 1000000" in answer


@pytest.mark.fault(30)
def test_others_are_served_while_many_connections_are_idle(port):
    idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(200)]
    try:
        answer = talk(port, b"GET / HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200")
    finally:
        for connection in idle:
            connection.close()

from __future__ import annotations

import socket

import pytest

from logweir_service.errors import ConfigurationError
from logweir_service.promote.answer import Outcome
from logweir_service.promote.send import Sender, envelope

from .parts import NOON, Clock
from .sentry_server import Answer, serving

EVENT = {"event_id": "a" * 32, "platform": "python", "message": "né"}


@pytest.fixture
def sender_to():
    senders = []

    def make(dsn: str) -> Sender:
        senders.append(Sender(dsn, clock=Clock()))
        return senders[-1]

    yield make
    for sender in senders:
        sender.close()


def test_an_event_arrives_as_an_envelope_with_the_dsns_key(sender_to):
    with serving() as server:
        assert sender_to(server.dsn).send(EVENT) == Outcome("delivered", "", 0.0)
        [request] = server.requests

    assert request.path == "/api/7/envelope/"
    assert request.headers["X-Sentry-Auth"].startswith("Sentry sentry_key=key, sentry_version=7")
    assert request.headers["Content-Type"] == "application/x-sentry-envelope"
    head, item, event = request.envelope
    assert head == {"event_id": "a" * 32, "sent_at": "2026-01-01T12:00:00.000000Z", "sdk": {}}
    assert (item["type"], event) == ("event", EVENT)


def test_an_item_says_its_length_in_bytes():
    _, item, payload, *_ = envelope(EVENT, sent_at=NOON).split(b"\n")

    assert f'"length":{len(payload)}'.encode() in item.replace(b" ", b"")


def test_one_connection_serves_many_events(sender_to):
    with serving() as server:
        sender = sender_to(server.dsn)
        outcomes = [sender.send(EVENT).verdict for _ in range(3)]

    assert outcomes == ["delivered"] * 3


@pytest.mark.fault(52)
def test_a_redirect_is_not_followed(sender_to):
    with serving() as elsewhere, serving(Answer(307, {"Location": elsewhere.dsn})) as server:
        assert sender_to(server.dsn).send(EVENT) == Outcome("again", "status_307", 60.0)
        assert elsewhere.requests == []


def test_a_lost_answer_and_an_absent_server_are_met_again(sender_to):
    with serving(Answer(lost=True)) as server:
        sender = sender_to(server.dsn)
        assert sender.send(EVENT).verdict == "again"
        assert sender.send(EVENT).verdict == "delivered"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        absent = f"http://key@127.0.0.1:{taken.getsockname()[1]}/1"
    outcome = sender_to(absent).send(EVENT)
    assert (outcome.verdict, outcome.pause_seconds) == ("again", None)
    assert outcome.reason == f"{absent.partition('@')[2].partition('/')[0]}: Connection refused"


@pytest.mark.parametrize(
    "dsn",
    [
        "",
        "nonsense",
        "http://127.0.0.1/1",
        "http://s3cr3t@/1",
        "http://s3cr3t@host/project",
        "http://s3cr3t@host:port/1",
        "file://s3cr3t@host/1",
        "http://s3cr3t@[::1/1",
        "http://s3cr3t@host/1\nX: y",
    ],
)
@pytest.mark.fault(52)
def test_a_malformed_dsn_is_one_clear_line_without_its_key(dsn):
    with pytest.raises(ConfigurationError) as refused:
        Sender(dsn)

    text = str(refused.value)
    assert text.startswith("the Sentry DSN cannot be used: ")
    assert "\n" not in text
    assert "s3cr3t" not in text

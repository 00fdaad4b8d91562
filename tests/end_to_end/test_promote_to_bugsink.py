"""Promotion against a real Sentry-compatible server that validates events against Sentry's schema."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest

from logweir_service.event import identity, rfc3339
from logweir_service.promote import Cursor, Report, Selection, Worker
from logweir_service.promote.send import Sender
from logweir_service.rules import BreadcrumbsRule
from tests.service.promote.parts import JOURNAL, NOON, FakeJournal, decoded, promote_rule

from .bugsink import Bugsink

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
DEADLINE_SECONDS = 30.0
SELECTION = Selection([promote_rule(breadcrumbs=BreadcrumbsRule(grace_seconds=0.0))])

CHECKOUT_FAILED: dict[str, Any] = {
    "event": "http.request",
    "service": "shop",
    "level": "error",
    "correlation_id": TRACE,
    "trace_id": TRACE,
    "span_id": "00f067aa0ba902b7",
    "environment": "staging",
    "service_version": "2.3.1",
    "server_name": "shop-7",
    "logger": "logweir.asgi",
    "message": "POST /checkout failed",
    "http_request_method": "POST",
    "http_route": "/carts/{id}/checkout",
    "url_path": "/carts/7/checkout",
    "url_query": "coupon=spring&token=s3cr3t",
    "http_request_headers": {"host": "shop.example", "authorization": "Bearer s3cr3t"},
    "http_response_status_code": 500,
    "duration_seconds": 1.25,
    "error_type": "CheckoutFailed",
    "error_id": "e1",
    "tags": {"tenant": "acme"},
    "cart": {"id": 7, "lines": [1, 2]},
    "exception": [
        {
            "type": "CheckoutFailed",
            "module": "shop.errors",
            "value": "payment of cart 7 was not taken",
            "handled": False,
            "frames": [
                {
                    "filename": "starlette/routing.py",
                    "function": "app",
                    "lineno": 73,
                    "module": "starlette.routing",
                    "in_app": False,
                },
                {
                    "filename": "shop/checkout.py",
                    "function": "checkout",
                    "lineno": 41,
                    "module": "shop.checkout",
                    "in_app": True,
                    "context_line": "raise CheckoutFailed(cart) from error",
                },
            ],
        },
        {
            "type": "HTTPStatusError",
            "module": "httpx",
            "value": "502 Bad Gateway",
            "handled": False,
            "relation": "cause",
            "frames": [
                {
                    "filename": "shop/payments.py",
                    "function": "charge",
                    "lineno": 12,
                    "module": "shop.payments",
                    "in_app": True,
                    "context_line": "answer.raise_for_status()",
                }
            ],
        },
    ],
}


class Promotion:
    """A journal and a cursor, and workers upon them that send to one project."""

    def __init__(self, folder: Path, dsn: str) -> None:
        self.journal = FakeJournal()
        self.dsn = dsn
        self._moment = time.time() - 1
        self._path = folder / "promote.cursor"

    def commit(self, *events: dict[str, Any], to: Worker | None = None) -> int:
        """Commit events that happen one after the other, and tell a running worker."""
        now = time.time()
        dated = [{**event, "timestamp": self._next_timestamp()} for event in events]
        lsn = self.journal.commit(*dated, received=now - NOON)
        if to is not None:
            to.committed(lsn, to.count(decoded(SELECTION, *dated)))
        return lsn

    def _next_timestamp(self) -> str:
        self._moment += 0.001
        return rfc3339(self._moment)

    @contextmanager
    def worker(self) -> Iterator[Worker]:
        sender = Sender(self.dsn)
        worker = Worker(
            reader=self.journal,
            stories=self.journal.story,
            selection=SELECTION,
            cursor=Cursor(self._path, journal=JOURNAL),
            sender=sender,
        )
        worker.start()
        try:
            yield worker
        finally:
            worker.stop(DEADLINE_SECONDS)
            sender.close()

    def run(self, *, until_delivered: int) -> Report:
        with self.worker() as worker:
            return wait_for(worker, "delivered", until_delivered)

    def forget_the_cursor(self) -> None:
        self._path.unlink()


def wait_for(worker: Worker, count: Literal["delivered", "retries"], least: int) -> Report:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while getattr(report := worker.report(), count) < least:
        assert time.monotonic() < deadline, report
        time.sleep(0.01)
    return report


@pytest.fixture
def promotion(tmp_path: Path, bugsink: Bugsink) -> Promotion:
    return Promotion(tmp_path, bugsink.new_project())


def test_an_error_arrives_with_the_story_of_both_services(promotion: Promotion, bugsink: Bugsink):
    def info(name: str, service: str = "shop", **fields: Any) -> dict[str, Any]:
        return {"event": name, "service": service, "level": "info", "correlation_id": TRACE, **fields}

    promotion.commit(
        info("cart.loaded", message="cart 7 has 2 lines", user_id="u1"),
        info("db.query", db_operation_name="SELECT", db_collection_name="carts", duration_seconds=0.002),
        {**info("elsewhere"), "correlation_id": "other"},
    )
    promotion.commit(
        info("card.refused", "payments", level="warning", message="no funds"),
        info("http.request", "payments", http_request_method="POST", http_route="/charge"),
    )
    lsn = promotion.commit(CHECKOUT_FAILED)

    promotion.run(until_delivered=1)

    [event] = bugsink.events(promotion.dsn)
    data = event["data"]
    assert event["event_id"].replace("-", "") == identity(JOURNAL, lsn, 0).hex
    assert [value["type"] for value in data["exception"]["values"]] == ["HTTPStatusError", "CheckoutFailed"]
    raised = data["exception"]["values"][-1]
    assert raised["mechanism"]["handled"] is False
    assert [(frame["function"], frame["in_app"]) for frame in raised["stacktrace"]["frames"]] == [
        ("app", False),
        ("checkout", True),
    ]
    assert "raise CheckoutFailed(cart) from error" in event["stacktrace_md"]
    assert [crumb["category"] for crumb in data["breadcrumbs"]["values"]] == [
        "shop.cart.loaded",
        "shop.db.query",
        "payments.card.refused",
        "payments.http.request",
    ]
    assert data["user"] == {"id": "u1"}
    assert data["request"]["url"] == "http://shop.example/carts/7/checkout"
    assert data["transaction"] == "POST /carts/{id}/checkout"
    assert (data["release"], data["environment"], data["server_name"]) == ("2.3.1", "staging", "shop-7")
    assert data["tags"]["tenant"] == "acme"
    assert data["tags"]["correlation_id"] == TRACE
    assert data["contexts"]["log"]["cart"] == {"id": 7, "lines": [1, 2]}
    assert "s3cr3t" not in str(data)


def test_events_without_a_stack_trace_fall_into_issues_by_their_fingerprint(
    promotion: Promotion, bugsink: Bugsink
):
    def error(**fields: Any) -> dict[str, Any]:
        return {"service": "shop", "level": "error", "event": "log.record", **fields}

    promotion.commit(
        error(message="order 17 lost"),
        error(message="order 18 lost"),
        error(message="disk full"),
        error(event="payment.failed", error_type="Timeout", level="critical"),
    )

    promotion.run(until_delivered=4)

    assert sorted(issue["digested_event_count"] for issue in bugsink.issues(promotion.dsn)) == [1, 1, 2]


def test_what_is_sent_again_after_a_lost_cursor_is_not_doubled(promotion: Promotion, bugsink: Bugsink):
    promotion.commit(CHECKOUT_FAILED, {**CHECKOUT_FAILED, "error_id": "e2"})
    promotion.run(until_delivered=2)
    promotion.forget_the_cursor()

    promotion.run(until_delivered=2)

    [issue] = bugsink.issues(promotion.dsn)
    assert issue["digested_event_count"] == 2
    assert len(bugsink.events(promotion.dsn)) == 2


def test_errors_met_while_the_server_is_killed_arrive_once_it_is_back(tmp_path: Path, bugsink: Bugsink):
    promotion = Promotion(tmp_path, bugsink.new_project())
    errors = [{**CHECKOUT_FAILED, "error_id": str(number)} for number in range(6)]
    promotion.commit(*errors[:3])
    with promotion.worker() as worker:
        wait_for(worker, "delivered", 3)
        bugsink.kill()
        try:
            promotion.commit(*errors[3:], to=worker)
            wait_for(worker, "retries", 1)
        finally:
            bugsink.start()
        wait_for(worker, "delivered", 6)

    assert {event["event_id"].replace("-", "") for event in bugsink.events(promotion.dsn)} == {
        identity(JOURNAL, lsn, index).hex for lsn in (1, 2) for index in range(3)
    }

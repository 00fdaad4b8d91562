"""A worker's thread against a server over HTTP, with a cursor on disk and a clock that runs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from logweir_service.event import identity
from logweir_service.promote import Cursor, Selection, Worker
from logweir_service.promote.cursor import Position
from logweir_service.promote.send import Sender
from logweir_service.rules import BreadcrumbsRule

from .parts import JOURNAL, NOON, FakeJournal, decoded, event, promote_rule
from .sentry_server import Answer, SentryServer, serving

SELECTION = Selection([promote_rule(breadcrumbs=BreadcrumbsRule(grace_seconds=-1))])


@pytest.fixture(autouse=True)
def quick_to_retry_and_never_idly_awake(monkeypatch):
    monkeypatch.setattr("logweir_service.promote.route.FIRST_BACKOFF_SECONDS", 0.001)
    monkeypatch.setattr("logweir_service.promote.worker.IDLE_SECONDS", 3600.0)


class Life:
    """A journal and a cursor that outlive the workers upon them."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "promote.cursor"
        self.journal = FakeJournal()

    @contextmanager
    def worker(self, server: SentryServer) -> Iterator[Worker]:
        sender = Sender(server.dsn)
        worker = Worker(
            reader=self.journal,
            stories=self.journal.story,
            selection=SELECTION,
            cursor=Cursor(self.path, journal=JOURNAL),
            sender=sender,
        )
        worker.start()
        try:
            yield worker
        finally:
            assert worker.stop(10)
            sender.close()

    def commit(self, worker: Worker, *events: dict[str, Any]) -> None:
        lsn = self.journal.commit(*events, received=time.time() - NOON)
        worker.committed(lsn, worker.count(decoded(SELECTION, *events)))

    @property
    def saved(self) -> Position | None:
        return Cursor(self.path, journal=JOURNAL).load()


@pytest.fixture
def life(tmp_path):
    return Life(tmp_path)


def sent_ids(server: SentryServer) -> list[str]:
    return [request.event["event_id"] for request in server.requests]


def ids(*lsns: int) -> list[str]:
    return [identity(JOURNAL, lsn, 0).hex for lsn in lsns]


def test_what_is_committed_wakes_the_worker_and_its_end_saves_the_cursor(life):
    with serving() as server:
        with life.worker(server) as worker:
            life.commit(worker, event())
            server.wait_for(1)

        assert sent_ids(server) == ids(1)
        assert life.saved == Position(2, 0)


@pytest.mark.fault(46)
def test_events_met_by_a_failing_server_arrive_in_order_once_it_recovers(life):
    with serving(*[Answer(500)] * 3, Answer(502), Answer(408)) as server, life.worker(server) as worker:
        life.commit(worker, event())
        life.commit(worker, event())
        server.wait_for(7)

    assert sent_ids(server) == ids(1, 1, 1, 1, 1, 1, 2)


def test_an_answer_that_is_lost_sends_the_same_event_again(life):
    with serving(Answer(lost=True)) as server, life.worker(server) as worker:
        life.commit(worker, event(correlation_id="c"))
        first, again = server.wait_for(2)

    assert first.event == again.event
    assert again.envelope[0]["sent_at"] > first.envelope[0]["sent_at"]


def test_a_rate_limit_is_kept_before_the_next_try(life):
    limits = {"X-Sentry-Rate-Limits": "0.2:error:key, 60:transaction:key"}
    with serving(Answer(429, limits)) as server, life.worker(server) as worker:
        life.commit(worker, event())
        refused, taken = server.wait_for(2)

    assert taken.at - refused.at >= 0.2


def test_a_worker_that_ends_while_the_server_is_down_leaves_its_events_to_the_next(life):
    with serving(*[Answer(403)] * 9) as server:
        with life.worker(server) as worker:
            life.commit(worker, event())
            server.wait_for(1)
        assert life.saved in (None, Position(1, 0))

    with serving() as server, life.worker(server):
        server.wait_for(1)

    assert sent_ids(server) == ids(1)


def test_a_cursor_beyond_a_restored_journal_waits_at_its_end(life):
    Cursor(life.path, journal=JOURNAL).save(Position(90, 0))
    with serving() as server, life.worker(server) as worker:
        life.commit(worker, event())
        server.wait_for(1)

    assert sent_ids(server) == ids(1)


def test_telling_of_a_commit_does_not_wait_for_a_server_that_hangs(life):
    with serving(*[Answer(hangs=True)] * 2) as server, life.worker(server) as worker:
        life.commit(worker, event())
        server.wait_for(1)
        for _ in range(100):
            life.commit(worker, event())

        assert len(server.requests) == 1
        assert worker.report().waiting == 101
        server.let_go.set()
        server.wait_for(101)


def test_a_fault_in_the_journal_is_survived(life, monkeypatch, caplog):
    monkeypatch.setattr("logweir_service.promote.worker.FAULT_SECONDS", 0.01)
    faults = [OSError("no disk")]

    def story(correlation_id):
        if faults:
            raise faults.pop()
        return []

    monkeypatch.setattr(life.journal, "story", story)
    with serving() as server, life.worker(server) as worker:
        life.commit(worker, event(correlation_id="c"))
        server.wait_for(1)

    assert "no disk" in caplog.text

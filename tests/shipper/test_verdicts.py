"""What each answer leads to, step by step: no thread, no socket, no clock."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from logweir.backlog import Backlog
from logweir.delivery import MANY_FAILURES, Delivery
from logweir.notices import Notices
from logweir.post import Answer
from logweir.source import Chunk
from logweir.tally import Tally
from logweir.verdict import MAX_DELAY_SECONDS, backoff_seconds

LINE = b'{"event":"a.b","level":"info"}\n'
STORED = Answer(200, next_seq=2)


class Steps:
    """A delivery of `events` single-line requests, to a service that gives these answers in turn."""

    def __init__(self, *answers: Answer, events: int = 1) -> None:
        self.answers = list(answers)
        self.streams: list[str] = []
        self.said: list[bytes] = []
        self.tally = Tally()
        self.backlog = Backlog(max_bytes=1 << 20, tally=self.tally, wake=lambda: None)
        for _ in range(events):
            self.backlog.put(LINE, "info")
        self.delivery = Delivery(
            self.backlog,
            self._post,
            tally=self.tally,
            notices=Notices(write=self.said.append),
            backoff=lambda failures: failures + 1.0,
        )

    def _post(
        self, body: bytes, *, stream: str, seq: int, compress: bool, timeout_seconds: float | None
    ) -> Answer:
        self.streams.append(stream)
        return self.answers.pop(0)

    def waits(self) -> list[float]:
        """How long each step says to wait, while there are answers."""
        waits = []
        while self.answers and not self.backlog.is_empty():
            waits.append(self.delivery.step())
        return waits


def test_what_is_delivered_is_not_shown_as_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = Steps(STORED)
    seen: list[bytes] = []
    release = steps.backlog.release

    def look_and_release(batch: Sequence[Chunk]) -> None:
        seen.append(steps.delivery.oldest)
        release(batch)

    monkeypatch.setattr(steps.backlog, "release", look_and_release)
    steps.waits()
    assert seen == [b""]


def test_only_the_first_409_in_a_row_is_followed_at_once() -> None:
    steps = Steps(*[Answer(409)] * 4, STORED)
    assert steps.waits() == [0, 2, 3, 4, 0]
    assert len(set(steps.streams)) == 5
    assert steps.delivery.counts.retries == 4


def test_a_service_that_refuses_everything_is_asked_less_and_less_often() -> None:
    steps = Steps(*[Answer(400, "no")] * 5, events=2)
    assert steps.waits() == [0, 1, 2, 3, 4], "halved; then one event, its loss, the other event, its loss"
    assert steps.tally.by_reason() == {"refused": {"info": 2}}


def test_a_page_in_place_of_a_receipt_keeps_the_events_and_says_where_it_came_from() -> None:
    steps = Steps(Answer(200, "http://shop/v1/events: <html>welcome</html>"))
    assert steps.waits() == [MANY_FAILURES + 1]
    assert steps.delivery.counts.sent == 0
    assert not steps.backlog.is_empty()
    assert b"http://shop/v1/events" in steps.said[0]
    assert b"LOGWEIR_URL" in steps.said[0]


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_wrong_token_or_address_is_tried_again_rarely(status: int) -> None:
    steps = Steps(Answer(status), Answer(status))
    assert steps.waits() == [MANY_FAILURES + 1] * 2
    assert MAX_DELAY_SECONDS / 2 <= MANY_FAILURES + 1


def test_a_wish_to_wait_is_granted_where_it_is_longer_than_the_backoff() -> None:
    steps = Steps(Answer(503, retry_after="300"), Answer(503, retry_after="1"), STORED)
    assert steps.waits() == [300, 2, 0]


def test_waits_grow_up_to_a_bound_and_end_with_the_first_success() -> None:
    bounds = [backoff_seconds(failures, uniform=lambda low, high: high) for failures in range(20)]
    assert bounds == sorted(bounds)
    assert (bounds[0], bounds[1], bounds[-1]) == (0.2, 0.4, MAX_DELAY_SECONDS)
    steps = Steps(Answer(503), Answer(0), STORED)
    assert steps.waits() == [1, 2, 0]
    steps.backlog.put(LINE, "info")
    steps.answers = [Answer(503)]
    assert steps.waits() == [1]


def test_rejected_events_are_counted_and_said() -> None:
    steps = Steps(Answer(200, '{"rejected_count":1}', next_seq=2, rejected=1))
    steps.waits()
    assert steps.delivery.counts.rejected == 1
    assert b"the service rejected 1 events" in steps.said[0]


def test_chunks_that_an_unanswered_request_brought_are_not_sent_again() -> None:
    steps = Steps(Answer(0), events=1000)
    steps.waits()
    steps.answers = [Answer(413), Answer(200, next_seq=1001)]
    steps.waits()
    assert steps.backlog.next_number == 1001
    assert steps.delivery.counts.posts == 3


def test_a_mark_beyond_what_was_sent_lets_nothing_go() -> None:
    steps = Steps(events=1500)
    steps.delivery._max_lines = 1000
    steps.answers = [Answer(200, next_seq=1501)]
    steps.waits()
    assert steps.backlog.queued == 500

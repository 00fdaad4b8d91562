"""What each answer leads to, step by step: no thread, no socket, no clock."""

from __future__ import annotations

from logweir.backlog import Backlog
from logweir.delivery import Delivery
from logweir.notices import Notices
from logweir.post import Answer
from logweir.tally import Tally

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

    def _post(self, body: bytes, *, stream: str, seq: int, compress: bool) -> Answer:
        self.streams.append(stream)
        return self.answers.pop(0)

    def waits(self) -> list[float]:
        """How long each step says to wait, while there are answers."""
        waits = []
        while self.answers and not self.backlog.is_empty():
            waits.append(self.delivery.step())
        return waits


def test_only_the_first_409_in_a_row_is_followed_at_once() -> None:
    steps = Steps(*[Answer(409)] * 4, STORED)
    assert steps.waits() == [0, 2, 3, 4, 0]
    assert len(set(steps.streams)) == 5
    assert steps.delivery.retries == 4


def test_a_service_that_refuses_everything_is_asked_less_and_less_often() -> None:
    steps = Steps(*[Answer(400, "no")] * 5, events=2)
    assert steps.waits() == [0, 1, 2, 3, 4], "halved; then one event, its loss, the other event, its loss"
    assert steps.tally.by_reason() == {"refused": {"info": 2}}

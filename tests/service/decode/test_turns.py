import asyncio

import pytest

from logweir_service.decode import Decoder, Turns
from logweir_service.limits import Limits
from logweir_service.scrub import Scrubber


class Ticking:
    """A clock that goes on by a millisecond whenever it is read."""

    now = 0.0

    def __call__(self):
        self.now += 0.001
        return self.now


def work(pieces, done, name):
    for _ in range(pieces):
        done.append(name)
        yield
    return name


def test_short_work_is_done_in_one_turn():
    done: list[str] = []

    async def run():
        other = asyncio.create_task(asyncio.sleep(0))
        result = await Turns(seconds=0.005, clock=Ticking()).take(work(3, done, "a"))
        return result, other.done()

    assert asyncio.run(run()) == ("a", False)


def test_between_two_turns_of_long_work_the_loop_does_all_the_rest():
    passes = 0

    async def count():
        nonlocal passes
        while True:
            passes += 1
            await asyncio.sleep(0)

    async def run():
        counting = asyncio.create_task(count())
        await Turns(seconds=0.005, clock=Ticking()).take(work(100, [], "a"))
        counting.cancel()

    asyncio.run(run())
    assert passes >= 20


def test_of_many_long_works_one_takes_its_turn_in_each_pass_and_all_get_on():
    done: list[str] = []

    async def run():
        turns = Turns(seconds=0.0025, clock=Ticking())
        return await asyncio.gather(*(turns.take(work(8, done, name)) for name in "abc"))

    assert asyncio.run(run()) == ["a", "b", "c"]
    assert "".join(done) == "aabbcc" * 4


def test_failing_work_fails_the_one_who_waits_and_lets_others_on():
    def failing():
        for _ in range(20):
            yield
        raise ValueError("broken")

    async def run():
        turns = Turns(seconds=0.002, clock=Ticking())
        return await asyncio.gather(
            turns.take(failing()), turns.take(work(30, [], "a")), return_exceptions=True
        )

    fault, result = asyncio.run(run())
    assert isinstance(fault, ValueError)
    assert result == "a"


LINE = b'{"event":"a.b","service":"shop","level":"info","timestamp":"2026-09-21T14:13:20Z"}\n'


@pytest.mark.parametrize(
    ("body", "least"),
    [
        (LINE * 5_000, 5),
        (LINE.replace(b"{", b'{"_x":1,') * 5_000, 400),
        (b"{}\n" * 5_000, 400),
        (LINE.replace(b"{", b'{"password":1,') * 5_000, 5_000),
    ],
    ids=["canonical", "normalised", "rejected", "of secrets"],
)
def test_decoding_pauses_between_bounded_pieces(body, least):
    steps = Decoder(Limits(), Scrubber()).steps(body, received=1_790_000_000.0, numbered=True)
    assert sum(1 for _ in steps) >= least


def test_lines_beyond_the_limit_are_not_judged(monkeypatch):
    judged = 0
    decoder = Decoder(Limits(max_events=150), Scrubber())

    def judge(line, **_):
        nonlocal judged
        judged += 1
        return real(line, **_)

    real = decoder._judge.judge
    monkeypatch.setattr(decoder._judge, "judge", judge)
    with pytest.raises(Exception, match="more than 150 lines"):
        decoder.decode(b"{}\n" * 10_000, received=0.0, numbered=True)
    assert judged <= 151

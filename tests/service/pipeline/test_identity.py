import asyncio
import errno
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logweir_service.decode import Decoder
from logweir_service.errors import Refusal
from logweir_service.limits import Limits
from logweir_service.pipeline import Delivery
from logweir_service.scrub import Scrubber
from logweir_service.scrub.needles import OF_PATTERN
from logweir_service.settings import Settings

from .living import STREAM, exposed, killed, line, living, request


@pytest.fixture
def settings(tmp_path):
    return Settings(LOGWEIR_DATA=tmp_path / "data", LOGWEIR_CHECKPOINT_SECONDS=3600)


def counts(receipt):
    return receipt.accepted, receipt.duplicate, len(receipt.rejections)


@pytest.mark.fault(18)
def test_event_sent_three_times_is_stored_and_counted_once(settings):
    body = request(event_id="one")

    async def use(pipeline):
        receipts = [await pipeline.submit(Delivery(body)) for _ in range(3)]
        lines = b"".join(batch.lines for batch in pipeline.journal.batches(0))
        return [*map(counts, receipts)], [*exposed(pipeline).values()], lines

    assert living(settings, use) == ([(1, 0, 0), (0, 1, 0), (0, 1, 0)], [1.0], body)


@pytest.mark.fault(18)
def test_event_that_stands_twice_in_a_body_is_stored_once_and_its_neighbours_are_kept(settings):
    body = request(event_id="one") + request() + request(event_id="one") + request(event_id="two")

    async def use(pipeline):
        first = await pipeline.submit(Delivery(body))
        return counts(first), counts(await pipeline.submit(Delivery(body))), [*exposed(pipeline).values()]

    assert living(settings, use) == ((3, 1, 0), (1, 3, 0), [4.0])


@pytest.mark.fault(18)
def test_same_event_in_bodies_of_one_group_is_stored_once(settings):
    async def use(pipeline):
        bodies = (pipeline.submit(Delivery(request(event_id="one", n=n))) for n in range(4))
        receipts = await asyncio.gather(*bodies)
        return sorted(map(counts, receipts)), [*exposed(pipeline).values()], pipeline.journal.last_lsn

    assert living(settings, use) == ([(0, 1, 0)] * 3 + [(1, 0, 0)], [1.0], 1)


@pytest.mark.fault(18)
@pytest.mark.parametrize("end", [living, killed], ids=["stopped", "killed"])
def test_event_sent_again_after_a_restart_is_a_repeat(settings, end):
    async def first(pipeline):
        await pipeline.submit(Delivery(request(event_id="one")))

    async def second(pipeline):
        receipt = await pipeline.submit(Delivery(request(event_id="one") + request(event_id="two")))
        return counts(receipt), [*exposed(pipeline).values()]

    end(settings, first)
    assert end(settings, second) == ((1, 1, 0), [2.0])
    assert living(settings, second) == ((0, 2, 0), [2.0])


def test_same_id_of_another_service_is_another_event(settings):
    async def use(pipeline):
        await pipeline.submit(Delivery(line(event_id="one")))
        return counts(await pipeline.submit(Delivery(line(event_id="one", service="pay"))))

    assert living(settings, use) == (1, 0, 0)


def test_numbers_of_a_stream_are_its_identity_whatever_event_id_says(settings):
    async def use(pipeline):
        await pipeline.submit(Delivery(line(event_id="one")))
        body = line(event_id="one") * 2
        first = await pipeline.submit(Delivery(body, stream=STREAM, seq=1))
        again = await pipeline.submit(Delivery(body, stream=STREAM, seq=1))
        return counts(first), counts(again)

    assert living(settings, use) == ((2, 0, 0), (0, 2, 0))


@pytest.mark.fault(7, 8)
def test_id_of_a_group_that_the_disk_refused_is_not_known(settings, monkeypatch):
    def fail(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    async def use(pipeline):
        monkeypatch.setattr(os, "writev", fail)
        for _ in range(2):
            with pytest.raises(Refusal):
                await pipeline.submit(Delivery(line(event_id="one")))
        monkeypatch.undo()
        return counts(await pipeline.submit(Delivery(line(event_id="one"))))

    assert living(settings, use) == (1, 0, 0)


SPELLINGS = st.sampled_from(
    [
        b'"event_id":"one"',
        b'"event\\u005fid":"one"',
        b'"event_id":"\\u006fne"',
        b'"event_id":"password=hunter2"',
        b'"event_id":"4111111111111111"',
        b'"event_id":"someone@example.com"',
        b'"event_id":"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"',
        b'"event_id":"http://a:secret@b/"',
        b'"event_id":7',
        b'"event_id":""',
        b'"event_id":null',
        b'"event_id":"a","event_id":"b"',
        b'"event_id":"a","event_id":3',
        b'"event_id":"a","event\\u005fid":"b"',
        b'"x":{"event_id":"nested"}',
        b'"event_id":"\\u00e9"',
        '"event_id":"é"'.encode(),
        b'"event_id":"' + b"x" * 129 + b'"',
        b'"event_id":"' + b"x" * 128 + b'"',
        b'"a":"event_id"',
        b'"event_id":"a","password":"hunter2"',
        b'"event_id":"a","authorization":"Bearer abc","authorization":"Bearer def"',
        b'"event_id":"a","n":1e999',
        b'"event_id":"a","_own":1',
        b' "event_id" : "a" ',
    ]
)


def check(spellings, *, dated, scrubbed, scrubber):
    decoder = Decoder(Limits(), scrubber)
    begin = b'{"event":"a.b","service":"shop","level":"info",'
    begin += b'"timestamp":"2026-09-21T14:13:20Z",' if dated else b""
    body = b"".join(begin + spelling + b"}\n" for spelling in spellings)
    batch = decoder.decode(body, received=1_790_000_000.0, numbered=False, scrubbed=scrubbed)
    assert batch.count == len(spellings)
    assert [*decoder.event_ids(batch.lines)] == [(service, text) for _, service, text in batch.event_ids]


@pytest.mark.parametrize("dated", [True, False])
@pytest.mark.parametrize("scrubber", [Scrubber(), Scrubber(keys=["event_id", "id"], patterns=[*OF_PATTERN])])
@given(st.lists(SPELLINGS, max_size=6), st.booleans())
def test_replay_finds_the_same_ids_in_what_is_stored_as_were_found_in_what_came(
    dated, scrubber, spellings, scrubbed
):
    """What is stored was redacted, and may have been written anew."""
    for spelling in spellings:
        check([spelling], dated=dated, scrubbed=scrubbed, scrubber=scrubber)
    check(spellings, dated=dated, scrubbed=scrubbed, scrubber=scrubber)


def test_end_of_a_stream_before_numbers_that_it_has_used_takes_nothing_back(settings):
    async def use(pipeline):
        await pipeline.submit(Delivery(request() * 20, STREAM, 1))
        early = await pipeline.submit(Delivery(request() * 3 + b'{"_closed":{}}\n', STREAM, 5))
        again = await pipeline.submit(Delivery(request() * 10, STREAM, 11))
        return counts(early), early.next_seq, counts(again), [*exposed(pipeline).values()]

    assert living(settings, use) == ((0, 3, 0), 21, (0, 10, 0), [20.0])

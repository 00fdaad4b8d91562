"""However large or odd a body is, the loop goes on with all else meanwhile."""

import asyncio
import gzip
import json
import threading
import time

import pytest
from backports import zstd

from logweir_service.app import compose, running
from logweir_service.decode import ArrayReader
from logweir_service.errors import Refusal, StorageBroken
from logweir_service.ingest.body import unpack
from logweir_service.limits import Limits
from logweir_service.pipeline import Delivery
from logweir_service.settings import Settings

from .test_door import client, line

pytestmark = pytest.mark.fault(34, 35)

DEEP = line(x=json.loads("[" * 33 + "]" * 33), z=[[1]] * 20, fill="x" * 1700) + b"\n"
"""Costs the most to look at, and is rejected, so that no commit gives the loop a rest."""


class Passes:
    """Counts how often the loop gets round, while the context lasts, and the longest that one pass took."""

    count = 0
    longest_seconds = 0.0

    async def __aenter__(self):
        self._counting = asyncio.create_task(self._count())
        await asyncio.sleep(0)
        self.count = 0
        return self

    async def __aexit__(self, *_):
        await asyncio.sleep(0)
        self._counting.cancel()

    async def _count(self):
        last = time.perf_counter()
        while True:
            await asyncio.sleep(0)
            now = time.perf_counter()
            self.longest_seconds = max(self.longest_seconds, now - last)
            self.count, last = self.count + 1, now


def test_ten_thousand_slow_lines_leave_the_loop_free(tmp_path):
    async def run():
        service = compose(Settings(LOGWEIR_DATA=tmp_path / "data"))
        async with running(service), Passes() as passes:
            started = time.perf_counter()
            receipt = await service.pipeline.submit(Delivery(DEEP * 9_900))
            whole = time.perf_counter() - started
        return receipt, passes, whole

    receipt, passes, whole = asyncio.run(run())
    assert len(receipt.rejections) == 9_900
    assert passes.count > 20
    assert passes.longest_seconds < whole / 2


def test_storage_that_breaks_while_a_body_is_decoded_refuses_it(tmp_path):
    async def run():
        service = compose(Settings(LOGWEIR_DATA=tmp_path / "data"))
        async with running(service):
            submitting = asyncio.create_task(service.pipeline.submit(Delivery(DEEP * 9_900)))
            await asyncio.sleep(0)
            service.pipeline.broken = StorageBroken("the disk is gone")
            service.pipeline._wake.set()
            with pytest.raises(Refusal, match="the disk is gone"):
                await asyncio.wait_for(submitting, 60)

    asyncio.run(run())


def test_bodies_being_decoded_count_as_waiting(tmp_path):
    async def run():
        service = compose(Settings(LOGWEIR_DATA=tmp_path / "data"))
        async with running(service):
            submitting = asyncio.create_task(service.pipeline.submit(Delivery(DEEP * 9_900)))
            await asyncio.sleep(0)
            service.pipeline.limits = Limits(max_pending_bytes=len(DEEP) * 9_900)
            with pytest.raises(Refusal) as refusal:
                await service.pipeline.submit(Delivery(line() + b"\n"))
            await submitting
            return refusal.value, await service.pipeline.submit(Delivery(line() + b"\n"))

    refusal, receipt = asyncio.run(run())
    assert (refusal.status, refusal.code, receipt.accepted) == (503, "overloaded", 1)


@pytest.mark.parametrize(
    ("encoding", "compress"), [("gzip", lambda body: gzip.compress(body, 1)), ("zstd", zstd.compress)]
)
def test_large_body_is_decompressed_beside_the_loop(encoding, compress):
    body = b"".join(b"%d " % (number * 7919) for number in range(1_500_000))

    async def run():
        async with Passes() as passes:
            unpacked = await unpack(compress(body), encoding, Limits(max_wire_bytes=20_000_000))
        return unpacked, passes.count

    async def small():
        async with Passes() as passes:
            await unpack(compress(body[:1000]), encoding, Limits())
        return passes.count

    unpacked, passes = asyncio.run(run())
    assert unpacked == body
    assert passes > 10
    assert asyncio.run(small()) <= 1


def test_large_array_is_taken_apart_beside_the_loop(tmp_path, monkeypatch):
    threads = []
    real = ArrayReader.lines

    def lines(self, body):
        threads.append(threading.current_thread() is threading.main_thread())
        return real(self, body)

    monkeypatch.setattr(ArrayReader, "lines", lines)

    async def run():
        async with client(tmp_path) as http_client:
            for count in (1, 5_000):
                array = b"[%s]" % b",".join([line()] * count)
                answer = await http_client.post(
                    "/v1/events", content=array, headers={"content-type": "application/json"}
                )
                assert answer.json()["accepted"] == count

    asyncio.run(run())
    assert threads == [True, False]

"""Each call that makes data durable fails once, wherever it stands: the sweep that SQLite is tested with."""

import asyncio
import errno
import shutil

import pytest

from logweir_service.errors import OperatorError, Refusal
from logweir_service.pipeline import Delivery
from tests.faults.failing_disk import FailingDisk, Fault
from tests.faults.in_process import event, in_process, requests_counted, stored

STREAM = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"
BODIES = 10
EVENTS = 3
FAULTS: dict[str, Fault] = {
    "broken disk": Fault(errno.EIO, of=()),
    "broken disk after almost all of it": Fault(errno.EIO, written=0.99),
    "full disk": Fault(errno.ENOSPC, of=("write", "allocate", "open")),
    "full disk after half of it": Fault(errno.ENOSPC, written=0.5),
    "limit of a file's size": Fault(errno.EFBIG, written=0.2),
    "too many open files": Fault(errno.EMFILE, of=("open",)),
    "interrupted call": Fault(errno.EINTR),
    "short write": Fault(0, written=0.5),
}


def body(number):
    keys = [f"shop.1:{number * EVENTS + each + 1}" for each in range(EVENTS)]
    return keys, b"".join(event(key) for key in keys)


async def send(pipeline, number):
    """Whether a body was acknowledged; one that was refused is sent once more, as any sender would."""
    delivery = Delivery(body(number)[1], STREAM, number * EVENTS + 1)
    refused = False
    for _ in range(2):
        try:
            receipt = await pipeline.submit(delivery)
        except Refusal as refusal:
            refused = (refusal.status, bool(refusal.retry_after_seconds)) == (503, True)
            if refused:
                continue
            raise
        assert receipt.accepted + receipt.duplicate == EVENTS
        assert receipt.next_seq is not None
        assert receipt.next_seq >= (number + 1) * EVENTS + 1
        assert not (refused and receipt.duplicate), "refused, and stored all the same"
        return True
    return False


async def send_all(folder, disk):
    """How many of the bodies were acknowledged before the service gave up, if it did."""
    acknowledged = 0
    try:
        async with in_process(folder, disk) as pipeline:
            for number in range(BODIES):
                if not await send(pipeline, number):
                    assert disk.failed in ("fdatasync", "truncate")
                    break
                acknowledged += 1
                assert requests_counted(pipeline) == acknowledged * EVENTS
    except (OperatorError, OSError):
        assert acknowledged == 0, "only a start may fail"
    return acknowledged


async def hold(folder, acknowledged):
    """After a new start all that was acknowledged is there once, is counted, and is known to be there."""
    async with in_process(folder, FailingDisk()) as pipeline:
        found = stored(folder)
        assert found.doubled == found.unreadable == []
        assert {key for n in range(acknowledged) for key in body(n)[0]} <= found.keys
        assert requests_counted(pipeline) == len(found.keys)
        for number in range(BODIES):
            assert await send(pipeline, number)
        assert requests_counted(pipeline) == BODIES * EVENTS
    assert len(stored(folder).keys) == BODIES * EVENTS
    assert stored(folder).doubled == []


def sweep(folder, fault):
    """Let call 1, 2, 3, ... fail, each in a new folder, until the bodies are through before it comes."""
    number = 1
    failed = set[str]()
    while True:
        here = folder / str(number)
        here.mkdir()
        asyncio.run(begin(here))
        disk = FailingDisk(fault, failing=number)
        acknowledged = asyncio.run(send_all(here, disk))
        if not disk.failed:
            assert acknowledged == BODIES
            return failed
        failed.add(disk.failed)
        asyncio.run(hold(here, acknowledged))
        shutil.rmtree(here)
        number += 1


async def begin(folder):
    """A folder that a service has used."""
    async with in_process(folder, FailingDisk()):
        pass


@pytest.mark.fault(7, 8, 9, 10, 11)
@pytest.mark.timeout(600)
@pytest.mark.parametrize("fault", FAULTS)
def test_call_that_fails_costs_an_answer_and_nothing_that_was_acknowledged(tmp_path, fault):
    assert sweep(tmp_path, FAULTS[fault])

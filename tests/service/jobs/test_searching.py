"""Searches in real child processes, as their owner sees them."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from logweir_service.errors import JobFailed, Refusal
from logweir_service.find import Found, Looked, Place, Search
from logweir_service.jobs.child import Children
from logweir_service.jobs.searching import Searching
from logweir_service.journal import DataFolder
from tests.service.jobs.test_child import children, run
from tests.service.journal.written import commit, opened

BEGAN = datetime(2026, 9, 21, 14, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path):
    """Ten commits of one event, a minute after the other."""
    folder = DataFolder(tmp_path / "data")
    with opened(folder, max_segment_bytes=400) as (journal, _, _):
        for number in range(10):
            at = BEGAN + timedelta(minutes=number)
            line = json.dumps({"timestamp": at.isoformat(), "n": number, "text": f"päth/{number}"}).encode()
            commit(journal, [line], received=at.timestamp())
    return folder


async def found_by(searching, search):
    async with searching(search) as found:
        return [each async for each in found]


def numbers(told):
    return [json.loads(each.line)["n"] for each in told if isinstance(each, Found)]


def test_a_child_finds_what_is_asked_and_tells_the_rest(folder):
    searching = Searching(Children(), folder.journal, last_lsn=lambda: 9)
    search = Search(
        text="PÄTH",
        where="n != 5",
        since=BEGAN + timedelta(minutes=3),
        until=BEGAN + timedelta(minutes=8),
        before=Place(8, 0),
        limit=2,
    )
    *found, looked = run(found_by(searching, search))
    assert numbers(found) == [6, 4]
    assert [each.place for each in found if isinstance(each, Found)] == [Place(7, 0), Place(5, 0)]
    assert isinstance(looked, Looked)
    assert (looked.next, looked.partial, looked.events) == (Place(5, 0), None, 3)
    assert looked.oldest == (BEGAN + timedelta(minutes=4)).timestamp()


def test_nothing_that_is_not_durable_is_found(folder):
    searching = Searching(Children(), folder.journal, last_lsn=lambda: 4)
    assert numbers(run(found_by(searching, Search()))) == [3, 2, 1, 0]


def test_when_the_events_of_segments_were_is_heeded(folder):
    elsewhere = dict.fromkeys(range(1, 11), (0.0, 1.0))
    searching = Searching(Children(), folder.journal, last_lsn=lambda: 10, spans=lambda: elsewhere)
    assert numbers(run(found_by(searching, Search(since=BEGAN)))) == []
    assert len(numbers(run(found_by(searching, Search())))) == 10


def test_a_child_that_does_not_end_in_time_leaves_what_it_has_told():
    progress = '{"events":5,"bytes":50,"oldest":1.5,"share":0.5,"next":"6:0","partial":null}'
    lines = ['=7:1 {"n":1}', progress, '=5:3 {"n":2}']
    code = f"import time; print({chr(10).join(lines)!r}, flush=True); time.sleep(60)"
    searching = Searching(children(code), Path(), last_lsn=lambda: 9)
    *found, looked = run(found_by(searching, Search(seconds=1.0)))
    assert numbers(found) == [1, 2]
    assert looked == Looked(5, 50, 1.5, 0.5, Place(5, 3), "deadline")


def test_a_child_that_fails_is_no_answer():
    searching = Searching(children("import sys; sys.exit('broken')"), Path(), last_lsn=lambda: 9)
    with pytest.raises(JobFailed):
        run(found_by(searching, Search()))


def test_who_finds_no_place_in_time_is_refused(folder):
    async def main():
        searching = Searching(
            children("import time; time.sleep(60)", at_once=1), folder.journal, last_lsn=int
        )
        async with searching(Search()) as first:
            waiting = asyncio.ensure_future(anext(first))
            with pytest.raises(Refusal) as refused:
                await found_by(searching, Search(seconds=0.2))
            waiting.cancel()
            await asyncio.wait([waiting])
        return refused.value

    refusal = run(main())
    assert (refusal.status, refusal.code) == (503, "busy")


def test_only_so_many_wait(folder):
    async def main():
        searching = Searching(
            children("import time; time.sleep(60)", at_once=1), folder.journal, last_lsn=int
        )
        async with searching(Search()) as first:
            running = [asyncio.ensure_future(anext(first))]
            running += [asyncio.ensure_future(found_by(searching, Search())) for _ in range(50)]
            await asyncio.sleep(0.2)
            with pytest.raises(Refusal) as refused:
                await asyncio.wait_for(found_by(searching, Search()), 5)
            for each in running:
                each.cancel()
            await asyncio.wait(running)
        async with searching(Search(seconds=2)):
            return refused.value.code

    assert run(main()) == "busy"

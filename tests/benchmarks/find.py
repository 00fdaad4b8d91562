"""Stories by their id: what the index costs, how soon a story is there, and what else could find it.

Events of some 400 bytes, eight to an id, in a journal that is in memory already. Half of the events name a
user, who is indexed too. ``grep`` looks through the plain segments; SQLite holds the place of each event
under its id. Of ten searches at once it is told what they cost ingest.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from logweir_service.find import ActiveIndex, Catalogue, Stories, render_story, timeline
from logweir_service.jobs.index import write_sidecar
from logweir_service.journal import DataFolder, Journal, JournalReader, crc32, segments, sidecar_of
from tests.end_to_end.live import LiveService

BATCH = 1000
PER_ID = 8
_GROUP = 8
_SPREAD = 250
"""Ids that take turns, so that a story stands in two batches."""

_LINE = (
    b'{"timestamp":"2026-01-01T%02d:%02d:%02d.%06dZ","level":"info","event":"http.request","service":"shop",'
    b'"environment":"production","service_version":"1.4.2","service_instance_id":"shop-7d9c5-abcde-1",'
    b'"correlation_id":"%032x","logger":"shop.web",%s"http_request_method":"GET",'
    b'"http_route":"/api/v1/resource10/{id}","url_path":"/api/v1/resource1/4711",'
    b'"http_response_status_code":200,"client_address":"10.1.2.3","duration_seconds":0.021054}\n'
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a million events alone, for a first look")
    quick = parser.parse_args(arguments).quick
    with tempfile.TemporaryDirectory() as folder:
        for count in (1_000_000,) if quick else (1_000_000, 10_000_000):
            data = Path(folder) / str(count)
            _table(data, count)
            _beside_sqlite(data, count)
            _served(data, count)
            subprocess.run(["rm", "-rf", str(data)], check=True)


def _id_of(number: int) -> int:
    """The id of an event, scattered over all 128 bits."""
    block, place = divmod(number, _SPREAD * PER_ID)
    return (block * _SPREAD + place % _SPREAD + 1) * 0x9E3779B97F4A7C15F39CC0605CEDC835 % (1 << 128)


def _batch(start: int) -> bytes:
    return b"".join(
        _LINE
        % (
            number // 3_600_000 % 24,
            number // 60_000 % 60,
            number // 1000 % 60,
            number % 1000 * 1000,
            _id_of(number),
            b'"user_id":"u%d",' % (number % 5000) if number % 2 else b"",
        )
        for number in range(start, start + BATCH)
    )


def _fill(data: Path, count: int) -> None:
    journal = Journal(DataFolder(data))
    journal.recover(lambda located, segment: None)
    for start in range(0, count, BATCH * _GROUP):
        group = journal.begin(time.time())
        for first in range(start, min(start + BATCH * _GROUP, count), BATCH):
            lines = _batch(first)
            journal.append(group, lines, count=BATCH, lines_crc32=crc32(lines))
        journal.write(group)
        journal.settle(group)
    journal.close()


def _ids(count: int, wanted: int) -> list[str]:
    dice = random.Random(1)
    return [f"{_id_of(dice.randrange(count)):032x}" for _ in range(wanted)]


def _table(data: Path, count: int) -> None:
    _fill(data, count)
    folder = DataFolder(data)
    folder.index.mkdir(exist_ok=True)
    sealed = segments(folder.journal)[:-1]
    started = time.process_time()
    built = [write_sidecar(each, sidecar_of(folder.index, each.first_lsn)) for each in sealed]
    seconds = time.process_time() - started
    events = sum(each.events for each in built)
    size = sum(each.bytes for each in built)
    print(f"{count:,} events in {len(sealed)} sealed segments and the one that is written to")
    print(f"index: {events / seconds / 1e6:.2f} M events per CPU second, {size / events:.1f} bytes an event")
    stories = _stories(folder)
    sealed_upto = events
    names = _ids(sealed_upto, 2000)
    stories(names[0])  # opens and checks all sidecars
    print(f"{'':44} {'p50 ms':>8} {'p99 ms':>8}")
    _row("the events of an id, out of the index", names, lambda name: _expect(stories(name)))
    _row("an id that is not there", [name[::-1] for name in names], stories)
    _row("and its story as text", names[:500], lambda name: "\n".join(_told(stories, name)))
    few = names[:5]
    _row("logweir grep, a process of its own", few, lambda name: _cli(data, name))
    _row("grep -F, through all segments", few, lambda name: _grep(folder, name))
    unindexed = Stories(JournalReader(folder.journal, folder.identify()))
    _row("a scan, without any index", few[:3], lambda name: _expect(unindexed(name)))


def _stories(folder: DataFolder) -> Stories:
    reader = JournalReader(folder.journal, folder.identify())
    listing = segments(folder.journal)
    catalogue = Catalogue(reader.identifier, reader.folder, lambda: listing, folder.index)
    index = ActiveIndex()
    index.note(listing[-1].first_lsn, 0, frozenset())  # none of the ids that are looked for is in it
    return Stories(reader, index, catalogue=catalogue)


def _expect(found: Sequence[object]) -> None:
    if not found:
        raise SystemExit("a story was not found")


def _told(stories: Stories, name: str) -> Iterator[str]:
    return iter([*render_story(timeline(stories(name)))])


def _cli(data: Path, name: str) -> None:
    command = [sys.executable, "-m", "logweir_service", "grep", name, "--data", str(data)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _grep(folder: DataFolder, name: str) -> None:
    command = ["grep", "-hF", name, *(str(each.path) for each in segments(folder.journal))]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={"LC_ALL": "C"})


def _row(what: str, names: Sequence[str], look_up: Callable[[str], object]) -> None:
    taken = []
    for name in names:
        started = time.perf_counter()
        look_up(name)
        taken.append((time.perf_counter() - started) * 1000)
    print(f"{what:44} {statistics.median(taken):8.2f} {_p99(taken):8.2f}", flush=True)


def _p99(taken: Sequence[float]) -> float:
    return sorted(taken)[min(len(taken) * 99 // 100, len(taken) - 1)]


def _beside_sqlite(data: Path, count: int) -> None:
    path = data / "places.sqlite"
    connection = sqlite3.connect(path)
    connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;")
    connection.execute("CREATE TABLE places (id TEXT, place INTEGER, PRIMARY KEY (id, place)) WITHOUT ROWID")
    started = time.process_time()
    for start in range(0, count, 10_000):
        rows = [(f"{_id_of(number):032x}", number) for number in range(start, start + 10_000)]
        with connection:
            connection.executemany("INSERT INTO places VALUES (?, ?)", rows)
    seconds = time.process_time() - started
    rate, size = count / seconds / 1e6, path.stat().st_size / count
    print(f"SQLite: {rate:.2f} M events per CPU second, {size:.1f} bytes an event")
    query = "SELECT place FROM places WHERE id = ?"
    _row(
        "SQLite, the places alone",
        _ids(count, 2000),
        lambda name: connection.execute(query, (name,)).fetchall(),
    )
    connection.close()
    path.unlink()


def _served(data: Path, count: int) -> None:
    """Through a running service, and what ten searches at once cost those who send."""
    live = LiveService(data)
    live.launch()
    try:
        while not (live.url and live.is_ready()):  # it reads all of the journal, of which no checkpoint tells
            time.sleep(0.1)
        names = _ids(count, 300)
        ask = "/v1/events?correlation_id="
        _row("GET /v1/events, a running service", names, lambda name: _expect(live.get(ask + name).data[:20]))
        body = _batch(count)[: 400 * 100]
        body = body[: body.rindex(b"\n") + 1]
        _row("POST of 100 events, alone", ["x"] * 1000, lambda _: live.post(body))
        ended = threading.Event()
        done: list[int] = []

        def search() -> None:
            while not ended.is_set():
                done.append(live.get("/v1/search?q=%22nowhere+to+be+found%22&deadline=10").status)

        searching = [threading.Thread(target=search) for _ in range(10)]
        for thread in searching:
            thread.start()
        time.sleep(1)
        _row("and while ten searches run", ["x"] * 1000, lambda _: live.post(body))
        ended.set()
        for thread in searching:
            thread.join()
        print(f"  of these {len(done)} were answered: {sorted(set(done))}")
    finally:
        live.stop()


if __name__ == "__main__":
    main()

"""When the events of segments were, by their sidecars; and that a scan reads no others."""

import json
from datetime import UTC, datetime, timedelta

from logweir_service.find import Bounds, Found, Looked, Query, Scan, spans
from logweir_service.find.index.catalogue import Catalogue
from logweir_service.journal import DataFolder, JournalReader, newest_first
from tests.service.find.index.test_catalogue import add_sidecar
from tests.service.journal.written import commit, opened

BEGAN = datetime(2026, 9, 21, 14, tzinfo=UTC)


def at(number):
    return BEGAN + timedelta(minutes=number)


def line(number):
    return json.dumps({"timestamp": at(number).isoformat(), "n": number, "note": "x" * 500}).encode()


def scanned(folder, known, **bounds):
    told = [*Scan(newest_first(folder.journal), Query(), Bounds(**bounds), span=known.get)]
    assert isinstance(told[-1], Looked)
    return [json.loads(each.line)["n"] for each in told if isinstance(each, Found)], told[-1].events


def test_only_segments_with_events_of_the_range_are_read(tmp_path):
    folder = DataFolder(tmp_path)
    with opened(folder, max_segment_bytes=1000) as (journal, _, _):
        for number in range(20):
            commit(journal, [line(number)], received=at(20).timestamp())
        (folder.path / "index").mkdir(exist_ok=True)
        reader = JournalReader(folder.journal, journal.identifier)
        catalogue = Catalogue(journal.identifier, folder.journal, reader.segments, folder.path / "index")
        assert spans(catalogue) == {}
        *sealed, newest = reader.segments()
        for segment in sealed[1:]:
            add_sidecar(journal, segment)
        known = spans(catalogue)
    assert known.keys() == {segment.first_lsn for segment in sealed[1:]}
    assert all(oldest <= newest for oldest, newest in known.values())
    unknown = len(sealed) + 1 - len(known)
    per_segment = sealed[1].first_lsn - sealed[0].first_lsn
    for since, until in ((5, 8), (0, 1), (7, 8), (3, 20)):
        found, looked_at = scanned(folder, known, since=at(since), until=at(until))
        assert found == [*range(until - 1, since - 1, -1)]
        assert looked_at <= unknown * per_segment + until - since + 2 * per_segment
    assert scanned(folder, {}, since=at(5), until=at(8)) == ([7, 6, 5], 20)
    assert newest.first_lsn not in known

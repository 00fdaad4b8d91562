"""Sidecars: what is found through one is what a plain look at every line finds, and a bad one is none."""

from __future__ import annotations

import io
import json
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logweir_service.event import StoredBatch, StoredEvent
from logweir_service.find.index import sidecar as sidecar_module
from logweir_service.find.index.building import PlacedBatch, build
from logweir_service.find.index.entry import candidates
from logweir_service.find.index.ids import ID_KINDS, has_id, id_text, read_ids
from logweir_service.find.index.sidecar import Sidecar, id_hash

JOURNAL = UUID("6f1d6c5e-58a3-4a59-bd1c-54f41b1f6fd5")
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"

texts = st.sampled_from(["a", "b", TRACE, "ä/ö", '"', "\N{SNOWMAN}", "7", ""])
odd: st.SearchStrategy[object] = st.sampled_from([7, -1, True, None, 1.5, [], {"a": 1}])
moments = st.sampled_from(["2026-09-21T14:13:20Z", "2026-09-21T16:13:20.5+02:00", "never", None, 5])


@st.composite
def lines(draw):
    event = {
        key: draw(st.one_of(texts, odd) if key != "correlation_id" else texts)
        for key in draw(st.sets(st.sampled_from(ID_KINDS)))
    }
    event["timestamp"] = draw(moments)
    if draw(st.booleans()):
        event["level"] = draw(st.sampled_from(["info", "error", "critical", 3]))
    event["note"] = "x" * draw(st.sampled_from([0, 10, 5000, 20_000]))
    return json.dumps(event, ensure_ascii=draw(st.booleans())).encode()


def line(correlation_id) -> bytes:
    return b'{"timestamp":"2026-09-21T14:13:20Z","correlation_id":"%s"}' % str(correlation_id).encode()


removed = st.just(b"")
batches = st.lists(st.lists(st.one_of(lines(), lines(), removed), max_size=40), max_size=6)


def segment_of(found):
    """The text of a segment with these batches, and where the lines of each begin."""
    text, placed = b'{"_segment":{}}\n', []
    for lsn, lines in enumerate(found, 3):
        text += b'{"_commit":{"lsn":%d}}\n' % lsn
        body = b"".join(line + b"\n" for line in lines)
        placed.append(PlacedBatch(StoredBatch(lsn, 1000.0 + lsn, body), len(text)))
        text += body
    return text, placed


def built(tmp_path, found, **changed):
    text, placed = segment_of(found)
    told = {"journal": JOURNAL, "first_lsn": 3, "generation": 2, "text_bytes": len(text), **changed}
    path = tmp_path / "made.index"
    path.write_bytes(build(placed, **told))
    return Sidecar(path), text, placed


def events_of(placed) -> list[StoredEvent]:
    return [event for each in placed for event in each.batch.events() if event.line]


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(batches)
def test_every_event_with_an_id_is_among_its_candidates_and_reads_as_it_stands(tmp_path, found):
    sidecar, text, placed = built(tmp_path, found)
    events = events_of(placed)
    ids = [read_ids(event.line, event.received) for event in events]
    for kind in ID_KINDS:
        for value in {id_text(getattr(each, name)) or "" for each in ids for name in ID_KINDS}:
            wanted = [event for event, each in zip(events, ids, strict=True) if has_id(each, kind, value)]
            given = [*sidecar.read(io.BytesIO(text), candidates(sidecar, kind, value))]
            assert [each for each in given if has_id(read_ids(each.line, 0.0), kind, value)] == wanted
    errors = [event for event, each in zip(events, ids, strict=True) if each.level in ("error", "critical")]
    assert [*sidecar.read(io.BytesIO(text), sidecar.all_of("error"))] == errors
    with_errors = {read_ids(event.line, 0.0).correlation_id or "" for event in errors}
    assert [*sidecar.hashes("error")] == sorted(map(id_hash, with_errors))


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(batches)
def test_its_header_tells_its_segment_and_its_time(tmp_path, found):
    sidecar, text, placed = built(tmp_path, found)
    header = sidecar.header
    assert (header.journal, header.first_lsn, header.generation, header.text_bytes) == (
        JOURNAL,
        3,
        2,
        len(text),
    )
    moments = [read_ids(event.line, event.received).timestamp.timestamp() for event in events_of(placed)]
    assert header.events == len(moments)
    if moments:
        assert (header.oldest / 1e6, header.newest / 1e6) == (min(moments), max(moments))
    else:
        assert header.oldest > header.newest


def test_ids_that_share_a_hash_are_candidates_of_each_other_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr(sidecar_module, "id_digest", lambda value: b"12345678")
    monkeypatch.setattr("logweir_service.find.index.building.id_digest", lambda value: b"12345678")
    lines = [
        b'{"timestamp":"2026-09-21T14:13:20Z","correlation_id":"%s"}' % each for each in (b"a", b"b", b"a")
    ]
    sidecar, text, _ = built(tmp_path, [lines])
    assert [
        event.line for event in sidecar.read(io.BytesIO(text), sidecar.look_up("correlation_id", "a"))
    ] == lines


def test_an_absent_id_has_no_candidates(tmp_path):
    sidecar, _, _ = built(tmp_path, [[line(each) for each in range(100)]])
    assert all(not sidecar.look_up("correlation_id", str(each)) for each in range(100, 300))
    assert not sidecar.look_up("user_id", "1")


def test_an_event_takes_few_bytes(tmp_path):
    line = b'{"timestamp":"2026-09-21T14:13:20Z","correlation_id":"%d","note":"%s"}'
    found = [
        [line % (each // 8, b"x" * 300) for each in range(start, start + 100)]
        for start in range(0, 8000, 100)
    ]
    sidecar, _, _ = built(tmp_path, found)
    assert sidecar.size / 8000 < 7


@pytest.mark.parametrize("place", [0, 7, 9, 30, 80, 200, -1])
def test_a_changed_byte_is_noticed(tmp_path, place):
    built(tmp_path, [[line("a")] * 30])
    path = tmp_path / "made.index"
    content = bytearray(path.read_bytes())
    content[place] ^= 4
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"checksum|no sidecar"):
        Sidecar(path)


def test_one_that_was_cut_off_or_has_something_behind_it_is_none(tmp_path):
    built(tmp_path, [[line("a")] * 30])
    path = tmp_path / "made.index"
    content = path.read_bytes()
    for size in (*range(0, len(content), 7), len(content) - 1):
        path.write_bytes(content[:size])
        with pytest.raises(ValueError, match=r"short|checksum|empty"):
            Sidecar(path)
    path.write_bytes(content + b"\0")
    with pytest.raises(ValueError, match="checksum"):
        Sidecar(path)


def test_a_segment_beyond_32_bits_has_none(tmp_path):
    with pytest.raises(ValueError, match="too long"):
        built(tmp_path, [], text_bytes=1 << 32)

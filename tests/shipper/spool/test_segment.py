"""What stands before the mark is whole, whatever stands behind it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logweir.spool.segment import END, HEADER_BYTES, MappedWriter, NotASegment, Segment

SIZE = 64 * 1024

lines = st.lists(
    st.binary(max_size=200).map(lambda data: data.replace(b"\n", b" ").replace(b"\0", b" ") + b"\n")
)


def all_of(segment: Segment) -> bytes:
    return segment.read(segment.acked, SIZE)


@given(whole=lines, begun=st.binary(max_size=300))
def test_of_a_mapped_file_only_what_is_marked_is_read_whatever_was_written_behind(
    whole: list[bytes], begun: bytes
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "1"
        segment = Segment.create(path, SIZE, mapped=True)
        writer = segment.writer
        assert isinstance(writer, MappedWriter)
        for line in whole:
            assert writer.append(line)
        end = writer.marks[END]
        writer.map[end : end + len(begun)] = begun
        segment.close()
        found = Segment.open(path)
        assert all_of(found) == b"".join(whole)
        assert path.stat().st_size == SIZE
        found.close()


@given(whole=lines, begun=st.binary(max_size=300).map(lambda data: data.replace(b"\n", b"")))
def test_of_an_appended_file_a_line_that_was_not_finished_is_left_out(
    whole: list[bytes], begun: bytes
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "1"
        segment = Segment.create(path, SIZE, mapped=False)
        assert segment.writer is not None
        for line in whole:
            assert segment.writer.append(line)
        segment.close()
        with path.open("ab") as file:
            file.write(begun)
        found = Segment.open(path)
        assert all_of(found) == b"".join(whole)
        found.close()


@given(whole=lines.filter(bool), data=st.data())
def test_a_power_cut_that_leaves_zeros_costs_no_more_than_what_they_took_the_place_of(
    whole: list[bytes], data: st.DataObject
) -> None:
    text = b"".join(whole)
    hole = data.draw(st.integers(0, len(text) - 1))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "1"
        segment = Segment.create(path, SIZE, mapped=True)
        assert segment.writer is not None
        for line in whole:
            segment.writer.append(line)
        segment.close()
        with path.open("r+b") as file:
            file.seek(HEADER_BYTES + hole)
            file.write(b"\0")
        found = Segment.open(path)
        found.cut_damage()
        assert all_of(found) == text[: text.rfind(b"\n", 0, hole) + 1]
        found.close()


@pytest.mark.parametrize("mapped", [True, False])
def test_what_is_acknowledged_is_known_to_the_next_process(tmp_path: Path, mapped: bool) -> None:
    segment = Segment.create(tmp_path / "1", SIZE, first=5, mapped=mapped)
    assert segment.writer is not None
    for line in (b"one\n", b"two\n", b"three\n"):
        segment.writer.append(line)
    segment.acknowledge(segment.acked + 4)
    segment.close()
    found = Segment.open(tmp_path / "1")
    assert (found.first, all_of(found)) == (5, b"two\nthree\n")
    found.close()


def test_a_loss_counts_only_behind_the_line_it_stood_behind(tmp_path: Path) -> None:
    segment = Segment.create(tmp_path / "1", SIZE, mapped=True)
    assert segment.writer is not None
    segment.writer.append(b"one\n")
    segment.writer.note_lost(7)
    found = Segment.open(tmp_path / "1")
    assert found.lost == 7
    found.close()
    segment.writer.append(b'{"_lost":{"count":7}}\n')
    found = Segment.open(tmp_path / "1")
    assert found.lost == 0
    found.close()
    segment.close()


@pytest.mark.parametrize("content", [b"", b"x" * 4096, b"logweir9" + bytes(100)])
def test_a_file_that_is_no_segment_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "1").write_bytes(content)
    with pytest.raises(NotASegment):
        Segment.open(tmp_path / "1")


def test_nothing_is_left_of_a_file_for_which_there_is_no_room(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="File too large"):
        Segment.create(tmp_path / "1", 1 << 60, mapped=True)
    assert list(tmp_path.iterdir()) == []

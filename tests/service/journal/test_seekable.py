import io
import os
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logweir_service.journal.seekable import FrameWriter, open_seekable, text_size

_TEXTS = st.lists(st.binary(min_size=1, max_size=200), max_size=12)


def write(path, texts):
    """Write a frame for each text; returns where each frame begins, and where the table does."""
    writer, places = FrameWriter(), [0]
    with path.open("wb") as file:
        for text in texts:
            file.write(writer.frame(text))
            places.append(file.tell())
        file.write(writer.table())
    return places


@settings(deadline=None)
@given(_TEXTS, st.lists(st.tuples(st.integers(0, 2600), st.integers(0, 700)), max_size=20))
def test_text_is_read_from_any_place_as_from_a_plain_file(tmp_path_factory, texts, reads):
    path = tmp_path_factory.mktemp("seekable") / "s.zst"
    write(path, texts)
    plain = io.BytesIO(b"".join(texts))
    with open_seekable(path) as file:
        assert file.seek(0, os.SEEK_END) == plain.seek(0, os.SEEK_END)
        for place, size in reads:
            assert file.seek(place) == plain.seek(place)
            assert file.read(size) == plain.read(size)
            assert file.readline(90) == plain.readline(90)
            assert file.tell() == plain.tell()


@settings(deadline=None)
@given(st.binary(max_size=3000).map(lambda text: text.replace(b"\1", b"\n")))
def test_lines_are_those_of_the_plain_text(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("seekable") / "s.zst"
    write(path, [text[at : at + 70] for at in range(0, len(text), 70)])
    with open_seekable(path) as file:
        assert [*file] == [*io.BytesIO(text)]
    assert text_size(path) == len(text)


@pytest.mark.parametrize("tool", ["zstdcat", "zstdgrep"])
def test_tools_of_zstd_read_it(tmp_path, tool):
    if not shutil.which(tool):
        pytest.skip(f"there is no {tool}")
    write(tmp_path / "s.zst", [b'{"a":1}\n', b'{"a":2}\n{"b":3}\n'])
    command = [tool, *(["-h", "a"] if tool == "zstdgrep" else []), tmp_path / "s.zst"]
    found = subprocess.run(command, capture_output=True, check=True).stdout
    assert found == b'{"a":1}\n{"a":2}\n' + (b'{"b":3}\n' if tool == "zstdcat" else b"")


def test_damaged_frame_reads_as_zeros_and_its_neighbours_as_they_are(tmp_path):
    path, texts = tmp_path / "s.zst", [b"first " * 9, b"second " * 9, b"third " * 9]
    places = write(path, texts)
    content = path.read_bytes()
    kept = []
    for place in range(places[1], places[2]):
        flipped = bytearray(content)
        flipped[place] ^= 4
        path.write_bytes(flipped)
        with open_seekable(path) as file:
            found = file.read()
        assert found in (texts[0] + bytes(63) + texts[2], b"".join(texts)), f"byte {place}"
        kept.append(found == b"".join(texts))
    assert sum(kept) <= 2, "hardly a bit says nothing"


def test_file_cut_anywhere_shows_its_whole_frames_and_that_something_is_missing(tmp_path):
    path, texts = tmp_path / "s.zst", [b"first " * 9, b"second " * 9, b"third " * 9]
    places = write(path, texts)
    content = path.read_bytes()
    for size in range(len(content)):
        path.write_bytes(content[:size])
        whole = sum(place <= size for place in places[1:])
        with open_seekable(path) as file:
            assert file.read() == b"".join(texts[:whole]) + b"\0"


def test_damaged_table_shows_that_something_is_wrong_or_does_no_harm(tmp_path):
    path, texts = tmp_path / "s.zst", [b"first " * 9, b"second " * 9]
    table = write(path, texts)[-1]
    content = path.read_bytes()
    for place in range(table, len(content)):
        flipped = bytearray(content)
        flipped[place] ^= 1
        path.write_bytes(flipped)
        with open_seekable(path) as file:
            found = file.read()
        assert b"\0" in found or found == b"".join(texts), f"byte {place - table}"


def test_batch_longer_than_any_frame_is_refused_and_not_unpacked(tmp_path):
    path = tmp_path / "s.zst"
    write(path, [b"x" * (130 << 20)])
    assert text_size(path) == 1

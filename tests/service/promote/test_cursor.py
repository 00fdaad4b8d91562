from __future__ import annotations

import json
from uuid import uuid4

import pytest

from logweir_service.errors import ConfigurationError, UnknownFormat
from logweir_service.promote.cursor import Cursor, Position

from .parts import JOURNAL


@pytest.fixture
def path(tmp_path):
    return tmp_path / "checkpoints" / "promote.cursor"


def test_a_position_is_there_after_a_restart(path):
    Cursor(path, journal=JOURNAL).save(Position(12, 3))
    Cursor(path, journal=JOURNAL).save(Position(13, 0))

    assert Cursor(path, journal=JOURNAL).load() == Position(13, 0)
    assert [each.name for each in path.parent.iterdir()] == ["promote.cursor"]


def test_without_a_file_there_is_no_position(path):
    assert Cursor(path, journal=JOURNAL).load() is None


def test_the_position_in_another_journal_means_nothing_here(path):
    Cursor(path, journal=uuid4()).save(Position(12, 3))

    assert Cursor(path, journal=JOURNAL).load() is None


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "7", '{"format": 1}', '{"format": 1, "lsn": "x", "line": 0}']
)
def test_a_damaged_file_is_told_and_read_as_none(path, content, caplog):
    path.parent.mkdir()
    path.write_text(content)

    assert Cursor(path, journal=JOURNAL).load() is None
    assert "starts at the journal's beginning" in caplog.text


def test_a_newer_format_is_refused_and_left_as_it_is(path):
    path.parent.mkdir()
    path.write_text(json.dumps({"format": 2}))

    with pytest.raises(UnknownFormat, match="has format 2; this version knows 1"):
        Cursor(path, journal=JOURNAL).load()


def test_cursor_that_cannot_be_read_is_told_with_its_path(tmp_path):
    with pytest.raises(ConfigurationError, match=f"{tmp_path} cannot be read: Is a directory"):
        Cursor(tmp_path, journal=JOURNAL).load()

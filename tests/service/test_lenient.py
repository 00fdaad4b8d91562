from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logweir_service.journal import DataFolder, Journal, crc32
from logweir_service.lenient import read_moment, read_object

DEEP = b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"


@pytest.mark.parametrize(
    "digits", ["1e999", "-1e999", "9" * 309, "-" + "9" * 309, "9" * 5000, "1" + "0" * 400]
)
def test_a_number_that_no_float_holds_reads_as_none_and_its_neighbours_as_they_are(digits):
    line = b'{"a":%s,"b":[%s,1],"c":18446744073709551616}' % (digits.encode(), digits.encode())
    assert read_object(line) == {"a": None, "b": [None, 1], "c": 18446744073709551616}


def test_of_a_key_that_stands_twice_the_last_counts():
    assert read_object(b'{"a":5,"b":1,"a":"c1"}') == {"a": "c1", "b": 1}


@pytest.mark.parametrize(
    "line",
    [b"", b"[]", b"1", b"{", b"\xff", b'{"a":NaN}', b'{"a":-Infinity}', '{"a":1}'.encode("utf-16"), DEEP],
)
def test_what_is_no_object_is_refused_in_one_way(line):
    with pytest.raises(ValueError):  # noqa: PT011 - the words are those of the reader beneath
        read_object(line)


@given(
    st.dictionaries(st.text(), st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text())
)
def test_what_every_reader_reads_it_reads_alike(members):
    line = json.dumps(members).encode()
    assert read_object(line) == json.loads(line)


def test_the_reader_in_the_documentation_reads_such_numbers_too(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "journal-format.md").read_text()
    scope: dict[str, Any] = {}
    exec(re.findall(r"^```python\n(.*?)^```$", page, re.M | re.S)[0], scope)
    journal = Journal(DataFolder(tmp_path))
    journal.recover(lambda located, first_lsn: None)
    lines = b'{"n":%s,"m":7}\n' % (b"9" * 5000)
    group = journal.begin(1_790_000_000.0)
    journal.append(group, lines, count=1, lines_crc32=crc32(lines))
    journal.write(group)
    journal.close()
    assert [events for _, events in scope["batches"](tmp_path / "journal")] == [[{"n": None, "m": 7}]]


@pytest.mark.parametrize(
    "text", ["2026-01-01T00:00:00Z", "2026-01-01t00:00:00z", "2026-01-01t02:00:00.000+02:00"]
)
def test_a_moment_is_read_in_either_case_and_told_in_utc(text):
    assert read_moment(text) == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "odd", [None, 7, "", "soon", "2026-01-01T00:00:00", "0001-01-01T00:00:00+05:00", [], "\ud800"]
)
def test_what_names_no_moment_is_none(odd):
    assert read_moment(odd) is None

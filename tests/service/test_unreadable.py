"""What this user must not read is never told as empty or absent."""

import os
import subprocess
import sys

import pytest

from logweir_service.dead import DeadLetters, NewLetter
from logweir_service.disk import Disk
from logweir_service.journal import DataFolder
from tests.service.journal.written import write_journal

OBEYING_PERMISSIONS = (
    ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
)
"""Without these capabilities permission bits hold for root too."""


@pytest.fixture
def data(tmp_path):
    """A folder with a commit and a letter."""
    folder = DataFolder(tmp_path / "data")
    write_journal(folder, 1)
    store = DeadLetters(folder.dead, scrub=bytes, disk=Disk())
    store.write([NewLetter("invalid_json", None, "malformed", b"not json")], received=1.0)
    store.close()
    return folder.path


def run(data, *arguments):
    """The exit code, and what was written to stderr."""
    command = [*OBEYING_PERMISSIONS, sys.executable, "-m", "logweir_service", *arguments, "--data", str(data)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    return ended.returncode, ended.stderr.splitlines()


@pytest.mark.needs("setpriv")
@pytest.mark.parametrize(
    ("closed", "command"),
    [
        ("journal", ("grep", "c1")),
        ("journal", ("status",)),
        ("journal/00000000000000000001.ndjson", ("grep", "c1")),
        ("checkpoints", ("status",)),
        ("dead", ("dead", "ls")),
        ("dead", ("dead", "show", "1")),
        ("dead", ("dead", "retry", "1", "--url", "http://127.0.0.1:1")),
        ("dead", ("status",)),
        (".", ("grep", "c1")),
        (".", ("status",)),
        (".", ("dead", "ls")),
        ("format.json", ("status",)),
    ],
)
def test_what_must_not_be_read_is_named_and_never_called_empty(data, closed, command):
    path = data / closed
    path.chmod(0o000)
    try:
        code, told = run(data, *command)
    finally:
        path.chmod(0o755)
    assert code in (77, 78)
    assert len(told) == 1
    assert str(path) in told[0]
    assert "Permission denied" in told[0]


@pytest.mark.needs("setpriv")
def test_a_service_does_not_begin_a_new_journal_beside_one_that_it_must_not_read(data):
    (data / "journal").chmod(0o000)
    try:
        code, told = run(data, "serve", "--listen", "127.0.0.1:0")
    finally:
        (data / "journal").chmod(0o755)
    assert code in (70, 78)
    assert str(data / "journal") in told[-1]
    assert "Permission denied" in told[-1]

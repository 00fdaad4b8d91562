"""What every test may ask for: programs that are installed, and at the end a word about those missing."""

import os
import shutil
from collections import Counter

import pytest


@pytest.fixture(autouse=True)
def own_spool(tmp_path_factory, monkeypatch):
    """No test finds what another has left unsent."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))


def pytest_runtest_setup(item):
    """Skip a test whose tool is missing; in CI, where everything is installed, that is a failure."""
    for marker in item.iter_markers("needs"):
        for tool in marker.args:
            if shutil.which(tool) is None:
                reason = f"{tool} is not installed (as root on Debian, make test installs it)"
                if os.environ.get("CI"):
                    pytest.fail(reason, pytrace=False)
                pytest.skip(reason)


def pytest_terminal_summary(terminalreporter):
    """Say what was skipped and why, where a person looks last."""
    skipped = terminalreporter.stats.get("skipped", [])
    for reason, count in Counter(report.longrepr[2] for report in skipped).items():
        terminalreporter.write_line(f"{count} skipped: {reason.removeprefix('Skipped: ')}")

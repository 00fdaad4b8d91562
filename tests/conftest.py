"""What every test may ask for: programs that are installed, and at the end a word about those missing."""

import os
import shutil

import pytest

_MISSING: set[str] = set()


def pytest_runtest_setup(item):
    """Skip a test whose tool is missing; in CI, where everything is installed, that is a failure."""
    for marker in item.iter_markers("needs"):
        for tool in marker.args:
            if shutil.which(tool) is None:
                _MISSING.add(tool)
                if os.environ.get("CI"):
                    pytest.fail(f"{tool} is not installed", pytrace=False)
                pytest.skip(f"{tool} is not installed")


def pytest_terminal_summary(terminalreporter):
    """Name the missing tools where a person looks last."""
    if _MISSING:
        terminalreporter.write_line(
            f"Some tests were skipped, because these programs are missing: {', '.join(sorted(_MISSING))}. "
            "As root on Debian, make test installs them."
        )

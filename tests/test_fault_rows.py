"""Every fault in the documentation has a test that names it, and every test names a fault that is there."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

from tests.test_docs import DOCS, calls, tables

TESTS = Path(__file__).parent


def documented() -> dict[int, str]:
    """The rows of the table, and whether they have tests: yes, partly or no."""
    return {int(cells[0]): cells[-1].partition(":")[0] for cells in tables(DOCS / "faults.md")}


def marked() -> dict[int, set[str]]:
    """Rows, and the files with tests that hold them."""
    found: defaultdict[int, set[str]] = defaultdict(set)
    for file in TESTS.rglob("test_*.py"):
        for name, call in calls(file):
            if name == "fault":
                for argument in call.args:
                    found[ast.literal_eval(argument)].add(file.name)
    return dict(found)


def test_rows_of_the_table_are_numbered_without_gaps_and_say_whether_they_have_tests():
    rows = documented()
    assert list(rows) == list(range(1, len(rows) + 1))
    assert set(rows.values()) == {"yes", "partly", "no"}


def test_every_row_that_is_said_to_have_tests_has_one_and_no_other():
    having = {row for row, tested in documented().items() if tested != "no"}
    assert set(marked()) == having

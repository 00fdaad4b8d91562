"""A test of the test: ``make test-faults`` hunts every mutant, here one must be caught."""

import pytest

from tests.shipper.chaos.mutants import MUTANTS, hunt, make


@pytest.mark.fault(60)
@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_differs_from_what_it_breaks_where_it_says(tmp_path, name):
    assert MUTANTS[name].edits
    make(MUTANTS[name], tmp_path)
    for edit in MUTANTS[name].edits:
        compile((tmp_path / edit.file).read_text(), edit.file, "exec")


@pytest.mark.fault(60)
@pytest.mark.timeout(300)
def test_service_that_stores_what_it_knows_is_caught(tmp_path):
    make(MUTANTS["the service stores what it knows"], tmp_path)
    assert "stored twice" in str(hunt(tmp_path))

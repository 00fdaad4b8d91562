"""A test of the tests: ``make test-faults`` hunts every mutant, here one must be caught."""

import pytest

from tests.faults.mutants import MUTANTS, Edit, Mutant, MutantOutdated, hunt, make


@pytest.mark.fault(60)
@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_differs_from_the_service_where_it_says(tmp_path, name):
    make(MUTANTS[name], tmp_path / "service")
    for edit in MUTANTS[name].edits:
        compile((tmp_path / "service" / "logweir_service" / edit.file).read_text(), edit.file, "exec")


def test_mutant_of_a_text_that_is_not_there_is_outdated(tmp_path):
    with pytest.raises(MutantOutdated, match="holds 0 times"):
        make(Mutant(Edit("disk.py", "no such text", "")), tmp_path / "service")


@pytest.mark.fault(60)
@pytest.mark.timeout(300)
def test_service_that_answers_before_it_syncs_is_caught(tmp_path):
    mutant = MUTANTS["answer without a sync"]
    make(mutant, tmp_path / "service")
    assert hunt(tmp_path / "service", mutant.options)

"""A data folder, and its journal open."""

import pytest

from logweir_service.journal import DataFolder, Journal


@pytest.fixture
def folder(tmp_path):
    return DataFolder(tmp_path / "data")


@pytest.fixture
def journal(folder):
    opened = Journal(folder)
    opened.recover(lambda located, segment: None)
    yield opened
    opened.close()

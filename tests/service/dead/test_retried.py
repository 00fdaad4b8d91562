import pytest

from logweir_service.dead import Retried


def test_ids_are_remembered(tmp_path):
    Retried(tmp_path).note([3, 1])
    Retried(tmp_path).note([20])
    assert Retried(tmp_path).ids() == {1, 3, 20}


@pytest.mark.parametrize("cut", range(1, 22))
def test_a_torn_line_names_no_other_letter(tmp_path, cut):
    Retried(tmp_path).note([1, 123456])
    path = tmp_path / "retried"
    path.write_bytes(path.read_bytes()[:-cut])
    assert Retried(tmp_path).ids() == {1}
    Retried(tmp_path).note([7])
    assert Retried(tmp_path).ids() - {123456} == {1, 7}


def test_noting_nothing_shows_whether_it_can_be_done(tmp_path):
    Retried(tmp_path).note([])
    assert Retried(tmp_path).ids() == set()
    with pytest.raises(OSError, match="nowhere"):
        Retried(tmp_path / "nowhere").note([])

"""The map of the newest segments."""

import pytest

from logweir_service.find import ActiveIndex, Stretch


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr("logweir_service.find.index.active.STRETCH_BYTES", 100)


def noted(*batches, first_lsn=1):
    index = ActiveIndex()
    for offset, ids in batches:
        index.note(first_lsn, offset, ids)
    return index


def test_look_up_names_only_the_stretches_that_hold_the_id():
    index = noted((10, {"a"}), (60, {"b"}), (120, {"c"}), (300, {"a"}))
    assert index.look_up(1, "a") == [Stretch(10, 120), Stretch(300, None)]
    assert index.look_up(1, "c") == [Stretch(120, 300)]
    assert index.look_up(1, "absent") == []
    assert index.unknown() is None


def test_maps_of_segments_sealed_a_moment_ago_are_kept_and_older_ones_are_not():
    index = ActiveIndex()
    assert index.look_up(1, "a") is None
    for first_lsn in range(1, 12):
        index.note(first_lsn, 100, {str(first_lsn)})
    assert index.look_up(11, "11") == [Stretch(100, None)]
    assert index.look_up(4, "4") == [Stretch(100, None)]
    assert index.look_up(4, "5") == []
    assert index.look_up(3, "3") is None


def test_what_stands_before_the_first_batch_may_hold_any_id_until_that_is_told():
    index = noted((5000, {"a"}), (5200, {"b"}))
    assert index.look_up(1, "x") == [Stretch(0, 5000)]
    assert index.unknown() == (1, 5000)
    index.fill(1, [(120, {"x"}), (900, {"y"})])
    assert index.look_up(1, "x") == [Stretch(120, 900)]
    assert index.look_up(1, "y") == [Stretch(900, 5000)]
    assert index.look_up(1, "b") == [Stretch(5200, None)]
    assert index.unknown() is None
    index.fill(1, [(120, {"z"})])
    assert index.look_up(1, "z") == []


def test_what_is_told_of_a_segment_that_is_not_remembered_is_nothing():
    index = noted((5000, {"a"}), first_lsn=7)
    index.fill(3, [(120, {"x"})])
    assert index.look_up(3, "x") is None
    assert index.look_up(7, "x") == [Stretch(0, 5000)]

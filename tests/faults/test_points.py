"""One kill at each named point; whatever the service was about to do, nothing acknowledged is touched."""

import pytest

from tests.faults.kill_loop import KillLoop
from tests.faults.lives import ending_at
from tests.faults.points import POINTS
from tests.faults.service import SMALL

TRIES = 8
"""A point may be missed: a power cut may take the torn tail that recovery was to cut."""

STARTS = {
    "at the first start": ("format", "ballast"),
    "in a group": ("group", "dead"),
    "in a new segment": ("segment",),
    "in a checkpoint": ("checkpoint", "old-checkpoint"),
    "in a recovery": ("recovery",),
    "in a compaction": ("compaction",),
    "while old segments are removed": ("retention",),
}


def named(*starts):
    return [point for point in POINTS if point.startswith(starts)]


def lives(loop, points):
    """Lives that end at each point in turn, until it was hit."""
    for point in points:
        for _ in range(TRIES):
            if point.startswith("recovery"):
                yield ending_at("group-half-written", 3)
            yield ending_at(point)
            if loop.figures.points[point]:
                break


def hit(loop, points):
    figures = loop.run_through(lives(loop, points))
    assert figures.faults == []
    assert {point for point in points if not figures.points[point]} == set()
    assert figures.acknowledged > 0


def test_every_point_stands_in_one_of_the_tests_below():
    assert sorted(point for starts in STARTS.values() for point in named(*starts)) == sorted(POINTS)


@pytest.mark.fault(2)
@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    "where", ["in a group", "in a new segment", "in a checkpoint", "in a recovery", "in a compaction"]
)
def test_service_that_dies_at_a_point_has_lost_and_doubled_nothing(tmp_path, where):
    hit(KillLoop(tmp_path, seed=1), named(*STARTS[where]))


@pytest.mark.fault(2)
@pytest.mark.timeout(120)
@pytest.mark.parametrize("point", named(*STARTS["at the first start"]))
def test_service_that_dies_at_its_first_start_starts_again(tmp_path, point):
    hit(KillLoop(tmp_path, seed=2), [point])


@pytest.mark.fault(2, 17)
@pytest.mark.timeout(120)
def test_service_that_dies_while_it_removes_segments_counts_on_and_starts_again(tmp_path):
    loop = KillLoop(tmp_path, seed=3, settings=SMALL | {"LOGWEIR_RETENTION_BYTES": "600000"}, keeps_all=False)
    hit(loop, named(*STARTS["while old segments are removed"]))

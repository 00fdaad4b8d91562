"""Twenty seconds of the kill loop; ``make test-faults SECONDS=600`` runs it for as long as one likes."""

import pytest

from tests.faults.kill_loop import KillLoop


@pytest.mark.timeout(240)
@pytest.mark.fault(1, 2, 4, 7, 8, 14, 18, 19, 21, 44, 45, 54)
def test_nothing_acknowledged_is_lost_or_counted_twice_however_often_the_service_is_killed(tmp_path):
    figures = KillLoop(tmp_path, seed=7).run(20)
    assert figures.faults == []
    assert figures.kills.total() > 3
    assert figures.checks > 3
    assert figures.scrapes > 20
    assert figures.acknowledged > 1000

"""Twenty seconds of chaos; ``make test-faults SECONDS=600`` makes it for as long as one likes."""

import pytest

from tests.shipper.chaos.application import EVENT
from tests.shipper.chaos.run import Chaos
from tests.shipper.chaos.verdict import judge


@pytest.mark.timeout(240)
@pytest.mark.fault(21, 22, 23)
def test_nothing_emitted_is_missing_or_doubled_whatever_dies_and_whatever_is_lost_between(tmp_path):
    figures = Chaos(tmp_path, seed=5).run(20)
    assert figures.faults == []
    assert figures.verdict is not None
    assert figures.verdict.emitted > 1000
    assert figures.kills["application"] > 3
    assert figures.kills["service"] > 1
    assert figures.forks > 3
    assert figures.did["refuse"] > 3
    assert figures.did["lose"] > 3
    assert figures.resent > 0


def said(*numbers: int) -> list[dict[str, object]]:
    return [{"event": EVENT, "writer": "a", "number": number} for number in numbers]


COUNTED = {'log_events_total{service="chaos"}': 3.0}


def test_the_number_behind_the_counter_may_be_there():
    assert judge({"a": 2}, said(1, 2, 3), COUNTED).faults == []


def test_a_missing_number_is_found():
    verdict = judge({"a": 4}, said(1, 2, 4), COUNTED)
    assert (verdict.missing, verdict.faults) == (1, ["1 missing: a 3"])


def test_a_silent_writer_is_found():
    assert judge({"a": 3, "b": 2}, said(1, 2, 3), COUNTED).missing == 2


def test_a_number_that_is_there_twice_is_found():
    verdict = judge({"a": 2}, said(1, 2, 2), COUNTED)
    assert (verdict.doubled, verdict.faults) == (1, ["1 stored twice: a 2"])


def test_a_number_that_nobody_emitted_is_found():
    assert judge({"a": 1}, said(1, 2, 3), COUNTED).faults == ["1 stored, and never emitted: a 3"]


def test_what_is_stored_and_not_counted_is_found():
    assert judge({"a": 3}, said(1, 2, 3), {}).faults == ["3 events are stored, 0 counted"]


def test_a_loss_that_the_service_tells_is_found():
    lost = {'logweir_events_lost_total{reason="never_sent"}': 2.0}
    assert "events are lost" in judge({"a": 3}, said(1, 2, 3), COUNTED | lost).faults[0]

"""What is going on between two events."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from logweir_service.derive import Derivation, DerivationState, pairs
from logweir_service.rules import RuleSet

from .events import RECEIVED, decoded, rules_of, samples

JOBS = """
metrics:
  - name: jobs_in_progress
    type: gauge
    pair: {start: job.started, end: [job.finished, job.failed], key: job_id, timeout: 1h}
    labels: {service: service, name: job_name}
"""
MAIL = "jobs_in_progress{service=shop,name=mail}"


@pytest.fixture
def rules(tmp_path: Path) -> RuleSet:
    return rules_of(tmp_path, JOBS)


def started(key: object = "j1", **fields: Any) -> dict[str, Any]:
    return {"event": "job.started", "job_id": key, "job_name": "mail", **fields}


def finished(key: object = "j1", **fields: Any) -> dict[str, Any]:
    return {"event": "job.finished", "job_id": key, **fields}


class Run:
    """A derivation, and events taken one batch after another."""

    def __init__(self, rules: RuleSet) -> None:
        self.rules = rules
        self.derivation = Derivation(rules)
        self.now = RECEIVED

    def take(self, *raw: dict[str, Any], after: float = 1.0, stream: str = "") -> dict[str, float]:
        self.now += after
        self.derivation.apply(decoded(self.rules, raw), self.now, stream=stream)
        return samples(self.derivation)

    def restart(self) -> None:
        state = msgspec.json.decode(msgspec.json.encode(self.derivation.dump()), type=DerivationState)
        self.derivation = Derivation(self.rules)
        self.derivation.restore(state)


@pytest.fixture
def run(rules: RuleSet) -> Run:
    return Run(rules)


def test_what_is_started_and_not_ended_is_counted_by_the_labels_of_its_start(run: Run) -> None:
    assert run.take(started("a"), started("b"), started("c", job_name="sms")) == {
        MAIL: 2,
        "jobs_in_progress{service=shop,name=sms}": 1,
    }
    assert run.take(finished("a"), finished("b", event="job.failed", job_name="other"))[MAIL] == 0


def test_starts_and_ends_that_come_twice_count_once(run: Run) -> None:
    assert run.take(started(), started()) == {MAIL: 1}
    assert run.take(finished(), finished()) == {MAIL: 0}
    assert run.take(started()) == {MAIL: 0}, "a start that is sent again behind its end"


def test_an_end_that_comes_before_its_start_ends_it(run: Run) -> None:
    assert run.take(finished()) == {}
    assert run.take(started()) == {}


def test_one_key_of_two_services_is_two_things(run: Run) -> None:
    run.take(started(), started(service="pay"))
    assert run.take(finished())["jobs_in_progress{service=pay,name=mail}"] == 1


def test_a_lost_end_is_waited_for_no_longer_than_the_timeout(run: Run) -> None:
    assert run.take(started()) == {MAIL: 1}
    assert run.take({}, after=3600) == {MAIL: 1}
    assert run.take({}, after=20) == {MAIL: 0}
    assert run.derivation.skipped == {("jobs_in_progress", "timeout"): 1}


def test_what_an_instance_has_started_ends_with_its_stream(run: Run) -> None:
    run.take(started("a"), stream="s1")
    assert run.take(started("b"), stream="s2") == {MAIL: 2}
    run.derivation.close("s1", run.now)
    assert samples(run.derivation) == {MAIL: 1}
    assert run.take(started("a"), finished("b")) == {MAIL: 0}


@pytest.mark.parametrize(("key", "reason"), [(None, "missing_value"), (["x"], "value_type")])
def test_an_event_without_a_key_is_skipped_and_counted(run: Run, key: object, reason: str) -> None:
    assert run.take(started(key)) == {}
    assert run.derivation.skipped == {("jobs_in_progress", reason): 1}


def test_one_service_cannot_start_without_bound(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "MAX_OPEN", 2)
    assert run.take(*(started(f"j{n}") for n in range(5)), started(service="pay")) == {
        MAIL: 2,
        "jobs_in_progress{service=pay,name=mail}": 1,
    }
    assert run.derivation.skipped == {("jobs_in_progress", "too_many"): 3}
    run.take(finished("j0"))
    assert run.take(started("j9"))[MAIL] == 2


def test_ends_are_remembered_up_to_a_limit(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logweir_service.derive.remembered.MAX_OF_A_SERVICE", 100)
    run.take(*(finished(f"j{n}") for n in range(150)))
    metric = run.derivation.dump().metrics[0]
    assert metric.pairs is not None
    assert len(metric.pairs[1]) <= 100


def test_a_service_with_many_ends_makes_no_other_begin_again(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("logweir_service.derive.remembered.MAX_OF_A_SERVICE", 100)
    run.take(finished("a", service="pay"), *(finished(f"j{n}") for n in range(500)))
    assert run.take(started("a", service="pay")) == {}


def test_what_started_while_the_clock_was_ahead_times_out_too(run: Run) -> None:
    assert run.take(started("a"), after=86_400.0) == {MAIL: 1}
    run.take(after=-86_400.0)
    assert run.take(after=4000.0) == {MAIL: 0}
    assert run.derivation.skipped == {("jobs_in_progress", "timeout"): 1}


def test_a_restart_forgets_nothing(run: Run) -> None:
    run.take(started("a"), started("b"), finished("c"), stream="s1")
    run.restart()
    assert samples(run.derivation) == {MAIL: 2}
    assert run.take(started("a"), started("c"), finished("b")) == {MAIL: 1}
    run.restart()
    run.derivation.close("s1", run.now)
    assert samples(run.derivation) == {MAIL: 0}
    run.take(started("z"))
    run.restart()
    assert run.take({}, after=3620) == {MAIL: 0}


def test_beyond_a_budget_starts_and_ends_meet_in_the_same_series(tmp_path: Path) -> None:
    run = Run(rules_of(tmp_path, JOBS + "    max_series: 1\n"))
    run.take(started("a"), started("b", job_name="sms"))
    assert run.take(finished("b")) == {MAIL: 1, "jobs_in_progress{service=shop,name=__other__}": 0}

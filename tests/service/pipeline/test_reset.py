"""`logweir serve --reset-counters`, as after restoring a backup."""

import pytest

from logweir_service.pipeline import Delivery
from logweir_service.settings import Settings

from .living import STREAM, created, exposed, killed, living, request


@pytest.fixture
def settings(tmp_path):
    return Settings(LOGWEIR_DATA=tmp_path / "data", LOGWEIR_CHECKPOINT_SECONDS=3600)


async def send(pipeline):
    before = [*exposed(pipeline).values()]
    await pipeline.submit(Delivery(request(event_id=f"id-{pipeline.journal.last_lsn}")))
    return before, [*exposed(pipeline).values()], created(pipeline), pipeline.journal.last_lsn


def reset_metric(pipeline):
    return pipeline.telemetry.registry.get_sample_value("logweir_counters_reset")


@pytest.mark.parametrize("end", [living, killed], ids=["stopped", "killed"])
def test_reset_lets_all_counters_begin_at_0_with_a_new_beginning(settings, end):
    *_, began, _ = end(settings, send)
    before, after, begins, _ = end(settings, send, reset=True)
    assert (before, after) == ([], [1.0])
    assert begins[0] > began[0]


def test_numbers_of_commits_behind_a_reset_were_never_given_before(settings):
    """The journal that a backup took the place of may have had a million commits more."""
    *_, last_lsn = living(settings, send)
    *_, behind = living(settings, send, reset=True)
    assert behind == last_lsn + 1_000_000 + 1


@pytest.mark.parametrize("end", [living, killed], ids=["stopped", "killed"])
def test_next_start_goes_on_from_there(settings, end):
    end(settings, send)
    *_, lsn = end(settings, send, reset=True)

    async def use(pipeline):
        return await send(pipeline), reset_metric(pipeline), pipeline.resumed.reset

    (before, after, _, behind), metric, why = end(settings, use)
    assert (before, after, behind) == ([1.0], [2.0], lsn + 1)
    assert (metric, why) == (0.0, "")


def test_reset_says_why_and_shows_it(settings, caplog):
    async def use(pipeline):
        return reset_metric(pipeline), pipeline.resumed.reset

    assert living(settings, use) == (0.0, "")
    assert living(settings, use, reset=True) == (1.0, "--reset-counters was given")
    (told,) = (each for each in caplog.records if "counters begin at 0 again" in each.getMessage())
    assert told.getMessage() == "all counters begin at 0 again: --reset-counters was given"
    assert told.levelname == "WARNING"


def test_reset_forgets_neither_events_nor_senders(settings):
    body = request() * 3

    async def use(pipeline):
        receipt = await pipeline.submit(Delivery(body, stream=STREAM, seq=1))
        lines = b"".join(batch.lines for batch in pipeline.journal.batches(0))
        return receipt.accepted, receipt.duplicate, lines

    assert living(settings, use) == (3, 0, body)
    assert living(settings, use, reset=True) == (0, 3, body)


def test_reset_again_and_again_without_an_event_starts_each_time(settings):
    living(settings, send)
    for _ in range(3):
        living(settings, lambda pipeline: _nothing(), reset=True)
    before, after, *_ = living(settings, send)
    assert (before, after) == ([], [1.0])


async def _nothing():
    return None

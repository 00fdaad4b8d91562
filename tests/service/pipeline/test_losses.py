"""Counters of losses go on where they stood: no kill makes a loss unseen, none lets it be seen twice."""

import json

import pytest

from logweir_service.journal import Checkpoint, Checkpoints, DataFolder
from logweir_service.pipeline import Delivery
from logweir_service.settings import Settings

from .living import STREAM, checkpoint, exposed, killed, line, living

OTHER = STREAM.replace("1b", "2c")
NEVER_SENT = 'logweir_events_lost_total{reason="never_sent"}'
DROPPED = 'logweir_events_lost_total{reason="dropped_by_sender"}'
LATE = "logweir_streams_joined_late_total"
LOST = {NEVER_SENT: 8.0, DROPPED: 20.0, LATE: 1.0}


@pytest.fixture
def settings(tmp_path):
    return Settings(LOGWEIR_DATA=tmp_path / "data", LOGWEIR_CHECKPOINT_SECONDS=3600)


def shown(pipeline):
    found = exposed(pipeline, "logweir_events_lost_total") | exposed(pipeline, LATE)
    return {name: count for name, count in found.items() if count}


async def lose(pipeline):
    await pipeline.submit(Delivery(line() * 2, stream=STREAM, seq=1))
    await pipeline.submit(Delivery(b'{"_lost":{"count":20}}\n' + line(), stream=STREAM, seq=11))
    await pipeline.submit(Delivery(line(), stream=OTHER, seq=500))
    return shown(pipeline), pipeline.saving.losses()


async def look(pipeline):
    return shown(pipeline), pipeline.saving.losses()


async def lose_behind_a_checkpoint(pipeline):
    await pipeline.submit(Delivery(line() * 2, stream=STREAM, seq=1))
    await pipeline.submit(Delivery(b'{"_lost":{"count":20}}\n' + line(), stream=STREAM, seq=5))
    checkpoint(pipeline)
    await pipeline.submit(Delivery(line(), stream=STREAM, seq=32))
    await pipeline.submit(Delivery(line(), stream=OTHER, seq=500))
    return shown(pipeline), pipeline.saving.losses()


@pytest.mark.fault(19)
@pytest.mark.parametrize("use", [lose, lose_behind_a_checkpoint])
@pytest.mark.parametrize("end", [living, killed], ids=["stopped", "killed"])
def test_what_is_lost_is_shown_after_a_restart_as_before_it(settings, end, use):
    assert end(settings, use) == (LOST, LOST)
    for _ in range(2):
        assert end(settings, look) == (LOST, LOST)


def test_sums_since_the_journal_began_outlive_a_reset(settings):
    living(settings, lose)
    assert living(settings, look, reset=True) == ({}, LOST)
    assert living(settings, lose_more) == ({NEVER_SENT: 2.0}, LOST | {NEVER_SENT: 10.0})
    assert living(settings, look) == ({NEVER_SENT: 2.0}, LOST | {NEVER_SENT: 10.0})


def test_checkpoint_of_a_version_that_kept_no_losses_is_gone_on_from(settings):
    killed(settings, lose_behind_a_checkpoint)
    path = max((settings.data / "checkpoints").glob("*.checkpoint"))
    _, body = path.read_bytes().splitlines(keepends=True)
    state = json.loads(body)
    for key in ("losses", "now", "received"):
        del state["senders"][key]
    state["losses"] = {DROPPED: 20.0}
    folder = DataFolder(settings.data)
    Checkpoints(folder.checkpoints, journal=folder.identify()).save(
        Checkpoint(int(path.stem), 1_790_000_000.0, json.dumps(state).encode())
    )
    assert living(settings, look)[1] == {NEVER_SENT: 6.0, DROPPED: 20.0, LATE: 1.0}


async def lose_more(pipeline):
    await pipeline.submit(Delivery(line(), stream=STREAM, seq=34))
    return shown(pipeline), pipeline.saving.losses()


def test_what_nothing_but_a_clean_stop_can_tell_is_told_by_it(settings):
    """Nothing is committed here, so no checkpoint is due for any other reason."""

    async def refuse(pipeline):
        await pipeline.submit(Delivery(b"{}\n"))
        return pipeline.saving.losses()

    [(name, _)] = living(settings, refuse).items()
    assert living(settings, refuse) == {name: 2.0}
    assert living(settings, look) == ({}, {name: 2.0})


@pytest.mark.parametrize("end", [living, killed], ids=["stopped", "killed"])
def test_a_restart_does_not_make_an_old_loss_a_new_one(settings, end):
    async def lose_and_tell(pipeline):
        await lose(pipeline)
        checkpoint(pipeline)
        return {**pipeline.saving.losses_seen}

    async def tell(pipeline):
        pipeline.saving.losses()
        return {**pipeline.saving.losses_seen}

    seen = end(settings, lose_and_tell)
    assert seen.keys() == LOST.keys()
    assert end(settings, tell) == end(settings, tell) == seen
    living(settings, lose_more)
    later = living(settings, tell)
    assert later[NEVER_SENT] > seen[NEVER_SENT]
    assert later[DROPPED] == seen[DROPPED]

"""Rules that are loaded anew while the service runs."""

import asyncio
import errno
import os
import shutil

import pytest

from logweir_service.app import Reload, compose, running
from logweir_service.disk import Disk
from logweir_service.errors import Refusal, RulesError, StorageBroken
from logweir_service.pipeline import Delivery
from logweir_service.pipeline.state import decode
from logweir_service.settings import Settings
from tests.faults.ledger import Ledger
from tests.faults.mortal_disk import MortalDisk

from .living import checkpoint, created, line, living
from .test_rules_changed import AFTER, BEFORE, numbers

BROKEN = AFTER.replace("event: a.b}", "evnt: a.b}", 2)


@pytest.fixture
def rules(tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text(BEFORE)
    return path


@pytest.fixture
def settings(tmp_path, rules):
    values = {"LOGWEIR_DATA": tmp_path / "data", "LOGWEIR_RULES": str(rules)}
    return Settings(**values, LOGWEIR_CHECKPOINT_SECONDS=3600, LOGWEIR_BALLAST_BYTES=0)


def reloading(settings, use, *, disk=None):
    """Start a service, use it and its reload, and stop it cleanly."""

    async def run():
        service = compose(settings, disk=disk)
        async with running(service):
            return await use(service.pipeline, Reload(service))

    return asyncio.run(run())


async def send(pipeline, **fields):
    await pipeline.submit(Delivery(line(kind="x", size="y", **fields)))
    return numbers(pipeline)


async def look(pipeline):
    return numbers(pipeline)


def copied(settings, to):
    """The settings of a copy of the folder, as a kill at this moment would leave it."""
    shutil.copytree(settings.data, to)
    return settings.model_copy(update={"data": to})


def reloads(pipeline):
    names = ("successful", "success_timestamp_seconds")
    read = pipeline.telemetry.registry.get_sample_value
    return [read(f"logweir_config_last_reload_{name}") for name in names]


def test_rules_that_did_not_change_keep_their_numbers_and_all_others_begin(settings, rules):
    async def use(pipeline, reload):
        await send(pipeline)
        began = created(pipeline, "kept_created")
        rules.write_text(AFTER)
        changed = await reload()
        at_once = numbers(pipeline)
        return changed, at_once, await send(pipeline), created(pipeline, "kept_created") == began

    changed, at_once, after, same_beginning = reloading(settings, use)
    assert (changed.kept, changed.begun, changed.gone) == (
        ["kept_total"],
        ["changed_total", "new_total"],
        ["gone_total"],
    )
    assert at_once == {"kept_total": 1.0}
    assert after == {"kept_total": 2.0, 'changed_total{size="y"}': 1.0, "new_total": 1.0}
    assert same_beginning
    assert living(settings, look) == after


@pytest.mark.fault(42)
def test_broken_file_changes_nothing_and_says_what_is_wrong(settings, rules, caplog):
    async def use(pipeline, reload):
        await send(pipeline)
        loaded = reloads(pipeline)
        rules.write_text(BROKEN)
        with pytest.raises(RulesError):
            await reload()
        failed = reloads(pipeline)
        counted = await send(pipeline)
        rules.write_text(AFTER)
        await reload()
        return loaded, failed, reloads(pipeline), counted

    loaded, failed, mended, counted = reloading(settings, use)
    assert (loaded[0], failed[0], mended[0]) == (1, 0, 1)
    assert loaded[1] == failed[1] < mended[1]
    assert counted == {"kept_total": 2.0, 'changed_total{kind="x"}': 2.0, "gone_total": 2.0}
    told = [message for message in caplog.messages if message.startswith("the rules stay as they were")]
    assert len(told) == 4  # each of two metrics has an unknown key, and lacks one
    assert "rules.yaml:4: unknown key 'evnt' in a metric (did you mean 'event'?)" in told[0]


@pytest.mark.parametrize("moment", ["before", "right behind", "after more"])
@pytest.mark.parametrize("saved", [False, True], ids=["never saved", "saved"])
def test_kill_around_the_reload_leaves_every_number_right(settings, rules, tmp_path, moment, saved):
    left = tmp_path / "left"

    async def use(pipeline, reload):
        await send(pipeline)
        if saved:
            checkpoint(pipeline)
        await send(pipeline)
        rules.write_text(AFTER)
        if moment == "before":
            return copied(settings, left)
        await reload()
        if moment == "after more":
            await send(pipeline)
        return copied(settings, left)

    copy = reloading(settings, use)
    expected = {
        "before": {"kept_total": 2.0},
        "right behind": {"kept_total": 2.0},
        "after more": {"kept_total": 3.0, 'changed_total{size="y"}': 1.0, "new_total": 1.0},
    }
    assert living(copy, look) == expected[moment]


def test_process_that_dies_at_any_call_to_the_disk_counts_nothing_under_other_rules(
    settings, rules, tmp_path
):
    """Whatever was counted before the switch stands in the one metric that both sets of rules have."""
    survived = 0
    for calls in range(1, 100):
        shutil.rmtree(settings.data, ignore_errors=True)
        rules.write_text(BEFORE)
        disk = MortalDisk(Ledger(tmp_path / "ledger"))
        acknowledged: list[int] = []

        async def use(pipeline, reload, disk=disk, calls=calls, acknowledged=acknowledged):
            await send(pipeline)
            await send(pipeline)
            rules.write_text(AFTER)
            disk.dies_in = calls
            await reload()
            for _ in range(2):
                await send(pipeline)
                acknowledged.append(1)

        try:
            reloading(settings, use, disk=disk)
        except (OSError, Refusal, StorageBroken):
            assert disk.is_dead
        else:
            survived += not disk.is_dead
        found = living(settings, look)
        behind = found.get("new_total", 0)
        assert found.get('changed_total{size="y"}', 0) == behind
        assert found["kept_total"] == 2 + behind
        assert len(acknowledged) <= behind <= len(acknowledged) + 1
        assert set(found) <= {"kept_total", 'changed_total{size="y"}', "new_total"}
        if survived:
            break
    assert survived


class FullDisk(Disk):
    """Has no room for a checkpoint while it is `full`; where `after` says so, it fails behind the rename."""

    def __init__(self, *, after=False):
        self.full = False
        self.after = after

    def replace(self, old, new):
        if self.full and not self.after:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().replace(old, new)

    def sync_folder(self, path):
        if self.full and self.after:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        super().sync_folder(path)


@pytest.mark.fault(10, 42)
def test_nothing_changes_where_no_checkpoint_can_name_the_new_rules(settings, rules, tmp_path, caplog):
    disk = FullDisk()

    async def use(pipeline, reload):
        await send(pipeline)
        rules.write_text(AFTER)
        disk.full = True
        with pytest.raises(Refusal, match="no checkpoint could be written: No space left") as refused:
            await reload()
        counted = await send(pipeline)
        copy = copied(settings, tmp_path / "left")
        disk.full = False
        await reload()
        return refused.value.status, reloads(pipeline), counted, copy, numbers(pipeline)

    status, (successful, _), counted, copy, later = reloading(settings, use, disk=disk)
    assert (status, successful) == (503, 1)
    assert counted == {"kept_total": 2.0, 'changed_total{kind="x"}': 2.0, "gone_total": 2.0}
    assert later == {"kept_total": 2.0}
    rules.write_text(BEFORE)
    assert living(copy, look) == counted


def test_service_stops_where_nobody_knows_which_rules_are_on_the_disk(settings, rules):
    disk = FullDisk(after=True)

    async def use(pipeline, reload):
        await send(pipeline)
        rules.write_text(AFTER)
        disk.full = True
        with pytest.raises((Refusal, StorageBroken)):
            await reload()
        with pytest.raises(Refusal) as refused:
            await send(pipeline)
        return refused.value.code, str(pipeline.broken)

    code, broken = reloading(settings, use, disk=disk)
    assert code == "storage_error"
    assert "a checkpoint may or may not be on the disk" in broken
    assert living(settings, look) == {"kept_total": 1.0}


def test_rules_of_metrics_that_stay_need_no_checkpoint(settings, rules):
    async def use(pipeline, reload):
        await send(pipeline)
        rules.write_text(f"{BEFORE}promote: [{{name: errors, when: size == 'y'}}]\n")
        before = pipeline.keeper.last_written
        await reload()
        return await send(pipeline), pipeline.keeper.last_written == before

    counted, unsaved = reloading(settings, use)
    assert counted == {"kept_total": 2.0, 'changed_total{kind="x"}': 2.0, "gone_total": 2.0}
    assert unsaved


def test_promotion_and_scrubbing_go_over_with_the_metrics(settings, rules):
    async def use(pipeline, reload):
        await send(pipeline, iban="DE02")
        before = pipeline.promoter._hints.beyond(0)
        rules.write_text(f"{AFTER}promote: [{{name: large, when: total > 5}}]\nscrub: {{keys: [iban]}}\n")
        await reload()
        await send(pipeline, total=6, iban="DE03")
        stored = b"".join(batch.lines for batch in pipeline.journal.reader.batches(0))
        return before, pipeline.promoter._hints.beyond(0), stored

    before, after, stored = reloading(settings, use)
    assert (before, after) == (0, 1)
    assert b"DE02" in stored
    assert b"DE03" not in stored


def test_reload_while_events_stream_in_counts_each_of_them_once_and_under_one_set_of_rules(settings, rules):
    async def use(pipeline, reload):
        async def stream():
            for _ in range(50):
                await asyncio.gather(*(send(pipeline) for _ in range(4)))

        async def reload_often():
            for _ in range(3):
                for text in (AFTER, BEFORE):
                    rules.write_text(text)
                    await reload()

        await asyncio.gather(stream(), reload_often())
        return numbers(pipeline)

    found = reloading(settings, use)
    assert found["kept_total"] == 200
    assert found.get("gone_total", 0) == found.get('changed_total{kind="x"}', 0)
    assert living(settings, look) == found


def test_reload_after_the_end_is_refused(settings):
    async def run():
        service = compose(settings)
        async with running(service):
            pass
        with pytest.raises(Refusal, match="stopping"):
            await Reload(service)()

    asyncio.run(run())


@pytest.mark.parametrize("saved", [False, True], ids=["never saved", "saved"])
def test_only_checkpoint_on_the_disk_names_the_new_rules_before_they_are_in_force(settings, rules, saved):
    """So no kill can come between the two."""

    async def use(pipeline, reload):
        await send(pipeline)
        if saved:
            checkpoint(pipeline)
            await send(pipeline)
        rules.write_text(AFTER)
        found, new = reload._read()
        seen: list[tuple[int, bool, bool]] = []

        def look():
            in_force = pipeline.numbers.rules
            seen.extend(
                (each.lsn, decode(each.body).rules == found.rules.sources, in_force == found.rules)
                for each in pipeline.keeper.checkpoints.newest_first()
            )

        await pipeline.switch(new, with_it=look)
        return seen, pipeline.journal.last_lsn, pipeline.numbers.rules == found.rules

    seen, last_lsn, in_force = reloading(settings, use)
    assert seen == [(last_lsn, True, False)]
    assert in_force

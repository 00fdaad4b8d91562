"""What becomes of the numbers where the rules were changed between two starts."""

import errno
import os

import pytest

from logweir_service.disk import Disk
from logweir_service.errors import StorageBroken
from logweir_service.pipeline import Delivery
from logweir_service.rules import load_texts
from logweir_service.settings import Settings

from .living import checkpoint, created, exposed, killed, line, living

BEFORE = """
version: 1
metrics:
  - {name: kept_total, type: counter, event: a.b}
  - {name: changed_total, type: counter, event: a.b, labels: {kind: kind}}
  - {name: gone_total, type: counter, event: a.b}
"""
AFTER = """
version: 1
metrics:
  - {name: kept_total, type: counter, event: a.b}
  - {name: changed_total, type: counter, event: a.b, labels: {size: size}}
  - {name: new_total, type: counter, event: a.b}
"""


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "rules.yaml").write_text(BEFORE)
    return Settings(
        LOGWEIR_DATA=tmp_path / "data",
        LOGWEIR_RULES=str(tmp_path / "rules.yaml"),
        LOGWEIR_CHECKPOINT_SECONDS=3600,
    )


@pytest.fixture
def rules(tmp_path):
    return tmp_path / "rules.yaml"


def numbers(pipeline):
    return {
        name: value
        for metric in ("kept_total", "changed_total", "gone_total", "new_total")
        for name, value in exposed(pipeline, metric).items()
    }


async def look(pipeline):
    return numbers(pipeline)


async def send(pipeline):
    await pipeline.submit(Delivery(line(kind="x", size="y")))
    return numbers(pipeline)


async def send_save_send(pipeline):
    await send(pipeline)
    checkpoint(pipeline)
    return await send(pipeline)


@pytest.mark.fault(44)
@pytest.mark.parametrize("before_the_kill", [send, send_save_send], ids=["never saved", "saved"])
def test_what_came_before_the_change_is_counted_under_the_rules_of_then(settings, rules, before_the_kill):
    before = killed(settings, before_the_kill)
    count = before["kept_total"]
    assert before == {"kept_total": count, 'changed_total{kind="x"}': count, "gone_total": count}
    rules.write_text(AFTER)
    assert living(settings, look) == {"kept_total": count}


@pytest.mark.fault(44)
def test_metric_that_says_the_same_goes_on_and_all_others_begin(settings, rules):
    async def with_beginning(pipeline):
        return await send(pipeline), created(pipeline, "kept_created")

    _, began = killed(settings, with_beginning)
    rules.write_text(AFTER)
    after, begins = living(settings, with_beginning)
    assert after == {"kept_total": 2.0, 'changed_total{size="y"}': 1.0, "new_total": 1.0}
    assert begins == began


@pytest.mark.fault(44)
def test_second_crash_right_behind_the_change_counts_nothing_twice_or_under_other_rules(settings, rules):
    killed(settings, send_save_send)
    rules.write_text(AFTER)
    assert killed(settings, look) == {"kept_total": 2.0}
    assert killed(settings, look) == {"kept_total": 2.0}
    assert killed(settings, send) == {"kept_total": 3.0, 'changed_total{size="y"}': 1.0, "new_total": 1.0}
    assert living(settings, look) == {"kept_total": 3.0, 'changed_total{size="y"}': 1.0, "new_total": 1.0}


@pytest.mark.fault(44)
def test_rules_changed_back_begin_what_was_changed_anew(settings, rules):
    killed(settings, send_save_send)
    rules.write_text(AFTER)
    killed(settings, send)
    rules.write_text(BEFORE)
    assert living(settings, look) == {"kept_total": 3.0}


@pytest.mark.fault(44)
def test_checkpoint_whose_rules_this_version_cannot_read_gives_way_to_the_one_before_it(
    settings, rules, monkeypatch, caplog
):
    async def saved_twice(pipeline):
        await send_save_send(pipeline)
        checkpoint(pipeline)
        return await send(pipeline)

    killed(settings, saved_twice)
    real = load_texts
    asked = []

    def reads_the_older_only(sources, *, pack_labels):
        asked.append(sources)
        if len(asked) == 1:
            raise ValueError("rules of a later version")
        return real(sources, pack_labels=pack_labels)

    monkeypatch.setattr("logweir_service.pipeline.recovery.load_texts", reads_the_older_only)

    async def use(pipeline):
        return numbers(pipeline), pipeline.resumed

    found, resumed = living(settings, use)
    assert found == {"kept_total": 3.0, 'changed_total{kind="x"}': 3.0, "gone_total": 3.0}
    assert resumed.checkpoint_lsn == 1
    assert "the checkpoint at commit 2 cannot be used: rules of a later version" in caplog.text


@pytest.mark.fault(44)
def test_checkpoints_whose_rules_cannot_be_read_leave_the_whole_journal_to_the_rules_of_today(
    settings, rules, monkeypatch
):
    killed(settings, send_save_send)
    rules.write_text(AFTER)

    def unreadable(sources, *, pack_labels):
        raise ValueError("rules of a later version")

    monkeypatch.setattr("logweir_service.pipeline.recovery.load_texts", unreadable)
    expected = {"kept_total": 2.0, 'changed_total{size="y"}': 2.0, "new_total": 2.0}
    assert living(settings, look) == expected
    monkeypatch.undo()
    assert living(settings, look) == expected


class RefusingDisk(Disk):
    """Has no room for a checkpoint."""

    def replace(self, old, new):
        if new.suffix == ".checkpoint":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().replace(old, new)


@pytest.mark.fault(10, 44)
def test_nothing_is_taken_under_rules_that_no_checkpoint_could_name(settings, rules, caplog):
    killed(settings, send_save_send)
    assert living(settings, look, disk=RefusingDisk())["kept_total"] == 2.0
    assert "the next start takes longer" in caplog.text
    rules.write_text(AFTER)
    with pytest.raises(StorageBroken, match="make room on it"):
        living(settings, look, disk=RefusingDisk())
    assert living(settings, look) == {"kept_total": 2.0}


@pytest.mark.fault(44)
def test_checkpoint_from_before_the_change_does_not_outlive_it(settings, rules):
    killed(settings, send_save_send)
    assert len([*(settings.data / "checkpoints").glob("*.checkpoint")]) == 2
    rules.write_text(AFTER)
    killed(settings, look)
    assert len([*(settings.data / "checkpoints").glob("*.checkpoint")]) == 1

import copy

import pytest

from logweir_service.status import Status, decode_status, encode_status, has_trouble, render_status
from logweir_service.status.model import (
    CheckpointStatus,
    DiskStatus,
    JournalStatus,
    LettersStatus,
    OverflowStatus,
    PromotionStatus,
    StreamsStatus,
)


def healthy():
    return Status(
        state="ready",
        version="0.1.0",
        pid=42,
        journal=JournalStatus(
            last_lsn=1234, segments=3, bytes=150_000_000, oldest="2026-11-20T23:22:57.229356Z"
        ),
        checkpoint=CheckpointStatus(lsn=1230, age_seconds=4.2, bytes=12_345, behind_bytes=6789),
        promotion=PromotionStatus(
            lsn=1235, behind_commits=0, sentry="on", waiting=0, oldest_age_seconds=0.0, trouble=""
        ),
        disk=DiskStatus(
            free_bytes=80_000_000_000, total_bytes=100_000_000_000, min_free_bytes=1_000_000_000, ballast=True
        ),
        streams=StreamsStatus(open=10, closed=2),
        letters=LettersStatus(kept=0, retried=0, bytes=0),
        losses={'lost_total{reason="never_sent"}': 0.0, "forgotten_total": 0.0},
    )


def test_the_culprit_of_an_overflow_is_named():
    status = healthy()
    status.overflows = [
        OverflowStatus(metric="a", label="route", service="shop", events=12, sample="/\n9"),
        OverflowStatus(metric="b_total", label="", service="__other__", events=1),
    ]
    assert [line for line in lines(status) if "overflow" in line] == [
        r"  overflow    a: 12 events of shop counted as __other__, too many values of route, last '/\n9'",
        "  overflow    b_total: 1 event of __other__ counted as __other__, too many series",
    ]


def lines(status):
    return [*render_status(status)]


def test_a_healthy_service_is_a_few_aligned_lines():
    assert lines(healthy()) == [
        "  service     ready, logweir 0.1.0, pid 42",
        "  journal     commit 1,234, 3 segments, 150.0 MB, from 2026-11-20 23:22:57 UTC on",
        "  checkpoint  commit 1,230, 4 s ago, 12.3 kB; 6.8 kB to read after it",
        "  promotion   at commit 1,234, 0 commits behind",
        "  streams     12 remembered: 10 open, 2 closed",
        "  dead        no letters",
        "  disk        80.0 GB free of 100.0 GB, ballast held",
        "  lost        nothing (2 counters at 0)",
    ]


def changed(path, value):
    status = copy.deepcopy(healthy())
    *way, name = path.split(".")
    place = status
    for step in way:
        place = getattr(place, step)
    setattr(place, name, value)
    return status


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("state", "ended", "! service     ended without stopping (killed?)"),
        ("state", "starting", "! service     starting"),
        ("state", "not_ready", "! service     not ready"),
        (
            "journal.damaged",
            1,
            "! journal     commit 1,234, 3 segments, 150.0 MB, from 2026-11-20 23:22:57 UTC on; 1",
        ),
        (
            "journal.segments",
            0,
            "! journal     no segments, though commit 1,234 was written",
        ),
        (
            "journal.last_lsn",
            1229,
            "! journal     commit 1,229, 3 segments, 150.0 MB, from 2026-11-20 23:22:57 UTC on; ends before",
        ),
        (
            "journal.damage",
            ["1.ndjson: no whole batch at byte 7"],
            "! journal     commit 1,234, 3 segments, 150.0 MB, from 2026-11-20 23:22:57 UTC on; damaged, ",
        ),
        ("checkpoint", None, "! checkpoint  none: a restart"),
        (
            "unusable_checkpoints",
            ["1 is damaged"],
            "! checkpoint  commit 1,230, 4 s ago, 12.3 kB; 6.8 kB to read after it (1 is damaged)",
        ),
        ("checkpoint.age_seconds", 61.0, "! checkpoint  commit 1,230, 61 s ago"),
        (
            "promotion.trouble",
            "Sentry answers 500",
            "! promotion   at commit 1,234, 0 commits behind; Sentry",
        ),
        ("promotion.sentry", "unusable", "! promotion   at commit 1,234, 0 commits behind; the DSN"),
        ("promotion.oldest_age_seconds", 901.0, "! promotion   at commit"),
        (
            "disk.free_bytes",
            999_999_999,
            "! disk        1000.0 MB free of 100.0 GB, ballast held; 1.0 GB have",
        ),
    ],
)
def test_what_is_wrong_comes_first_and_is_marked(path, value, told):
    first, *others = lines(changed(path, value))
    assert first.startswith(told)
    assert all(line.startswith("  ") for line in others)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("state", "running"),
        ("state", "stopped"),
        ("promotion.sentry", "off"),
        ("checkpoint.age_seconds", 59.0),
        ("disk.ballast", False),
        ("disk.min_free_bytes", None),
        ("streams", None),
        ("letters.kept", 7),
        ("losses", {}),
        ("losses", {"b": 0.0, "a": 3.0}),
    ],
)
def test_what_is_no_trouble_is_not_marked(path, value):
    assert all(line.startswith("  ") for line in lines(changed(path, value)))


def test_a_checkpoint_of_all_there_is_may_be_of_any_age():
    status = changed("checkpoint.age_seconds", 1e6)
    assert status.checkpoint is not None
    status.checkpoint.behind_bytes = 0
    assert "  checkpoint  commit 1,230, 12 d ago, 12.3 kB; nothing behind it" in lines(status)


def test_what_a_folder_cannot_know_of_promotion_is_not_said():
    status = changed("promotion.sentry", None)
    told = (
        "  promotion   saved at commit 1,234, 0 commits behind; whether it is on, the service tells (--url)"
    )
    assert told in lines(status)


def test_checkpoints_of_which_none_can_be_used_are_told():
    status = changed("checkpoint", None)
    status.journal.last_lsn, status.unusable_checkpoints = 0, ["1 is damaged", "0 is damaged"]
    assert (
        lines(status)[0]
        == "! checkpoint  none (1 is damaged; 0 is damaged): a restart reads the whole journal"
    )


def test_a_journal_whose_files_are_all_gone_is_not_called_empty():
    status = changed("journal", JournalStatus(last_lsn=0, segments=0, bytes=0, oldest=None))
    assert lines(status)[0] == "! journal     no segments, though commit 1,230 was written"
    status.checkpoint, status.unusable_checkpoints = None, ["0 is damaged"]
    assert lines(status)[0] == "! journal     no segments, though there is a checkpoint"


def test_an_empty_journal_needs_no_checkpoint():
    status = changed("checkpoint", None)
    status.journal = JournalStatus(last_lsn=0, segments=0, bytes=0, oldest=None)
    assert all(line.startswith("  ") for line in lines(status))


def test_waiting_errors_and_letters_are_told():
    status = changed("promotion.waiting", 3)
    status.promotion.oldest_age_seconds = 600.0
    status.letters = LettersStatus(kept=1, retried=1, bytes=500)
    assert (
        "  promotion   at commit 1,234, 0 commits behind; 3 errors known to wait, the oldest for 10 min"
        in lines(status)
    )
    assert "  dead        1 letter, 500 bytes, 1 accepted since; see them with `logweir dead ls`" in lines(
        status
    )


@pytest.mark.parametrize(
    ("ago", "told"),
    [
        (300.0, "! lost        3 a, last seen 5 min ago"),
        (86_399.0, "! lost        3 a, last seen 24 h ago"),
        (86_401.0, "  lost        3 a, last seen 24 h ago"),
    ],
)
def test_a_loss_is_marked_for_a_day(ago, told):
    status = changed("losses", {"b": 0.0, "a": 3.0})
    status.losses_age_seconds = {"a": ago}
    assert told in lines(status)
    assert has_trouble(status) == told.startswith("!")


def test_damage_that_a_start_will_not_get_over_is_told_with_what_it_does():
    status = changed("journal.damage", ["1.ndjson: no whole batch at byte 7"])
    status.journal.resets = True
    assert lines(status)[0].endswith("; no checkpoint covers that, so a start lets all counters begin at 0")


@pytest.mark.fault(38)
def test_no_control_character_reaches_the_terminal():
    for line in lines(changed("promotion.trouble", "\x1b[31m\r\nno")):
        assert line.isprintable()


def test_a_status_reads_as_it_was_written():
    assert decode_status(encode_status(healthy())) == healthy()

"""A block that is slow says so, and where its time went."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import assert_type

import orjson
import pytest

import logweir
from logweir.clean import MAX_TEXT_CHARACTERS
from logweir.encode import MAX_EVENT_BYTES
from logweir.testing import CapturingSink

ANY = 1e-9
"""Seconds: a threshold that everything reaches."""

SLOW = 0.02
"""Seconds: the threshold of these tests."""


def culprit(seconds: float = 3 * SLOW) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        sorted(range(100))


def test_a_block_is_an_event_and_one_below_the_threshold_no_more(sink: CapturingSink) -> None:
    with logweir.profile_block("render", slow_seconds=3600, page="cart") as block:
        block["items"] = 3
    with logweir.profile_block("render", slow_seconds=0, cpu=True):
        culprit()
    fast, unwatched = sink.events
    assert (fast["event"], fast["block"], fast["page"], fast["items"]) == (
        "profile.block",
        "render",
        "cart",
        3,
    )
    assert unwatched["duration_seconds"] >= SLOW


def test_a_slow_block_tells_which_calls_took_its_time(sink: CapturingSink) -> None:
    with logweir.profile_block("render", slow_seconds=SLOW, cpu=True):
        culprit()
    usual, slow = sink.events
    assert (usual["event"], slow["event"], slow["level"]) == (
        "profile.block",
        "profile.block.slow",
        "warning",
    )
    assert "profile" not in usual
    assert "culprit  " in slow["profile"]
    assert "test_profile.py" in slow["profile"]
    assert "pluggy" not in slow["profile"]


def test_a_slow_block_without_cpu_has_no_profile(sink: CapturingSink) -> None:
    with logweir.profile_block("render", slow_seconds=ANY):
        pass
    assert "profile" not in sink.events[1]


def test_functions_of_every_kind_are_named_after_themselves(sink: CapturingSink) -> None:
    @logweir.profile_function
    def plain() -> int:
        return 1

    @logweir.profile_function(slow_seconds=SLOW, cpu=True, tenant="acme")
    async def coroutine() -> int:
        await asyncio.sleep(SLOW)
        culprit()
        return 2

    @logweir.profile_function(block="items", slow_seconds=ANY, cpu=True)
    def generator() -> Iterator[int]:
        yield 3

    assert (plain(), asyncio.run(coroutine()), *generator()) == (1, 2, 3)
    first, second, slow, third, also_slow = sink.events
    here = f"{__name__}.{test_functions_of_every_kind_are_named_after_themselves.__name__}.<locals>"
    assert first["block"] == f"{here}.plain"
    assert (second["block"], second["tenant"]) == (f"{here}.coroutine", "acme")
    assert "culprit  " in slow["profile"]
    assert "[await]" in slow["profile"]
    assert (third["block"], also_slow["event"]) == ("items", "profile.block.slow")
    assert "profile" not in also_slow
    assert also_slow["parent_span_id"] == third["span_id"]


def test_a_block_inside_of_a_profiled_one_is_told_without_a_profile(sink: CapturingSink) -> None:
    with (
        logweir.profile_block("outer", slow_seconds=SLOW, cpu=True),
        logweir.profile_block("inner", slow_seconds=SLOW, cpu=True),
    ):
        culprit()
    profiles = {each["block"]: each.get("profile", "") for each in sink.named("profile.block.slow")}
    assert "culprit  " in profiles["outer"]
    assert profiles["inner"] == ""


def test_tasks_and_threads_are_profiled_side_by_side(sink: CapturingSink) -> None:
    async def work(name: str) -> None:
        async with logweir.profile_block(name, slow_seconds=SLOW, cpu=True):
            await asyncio.sleep(SLOW)
            culprit()

    async def both() -> None:
        await asyncio.gather(work("a"), work("b"))

    thread = threading.Thread(target=asyncio.run, args=(work("c"),))
    thread.start()
    asyncio.run(both())
    thread.join()
    slow = sink.named("profile.block.slow")
    assert sorted(each["block"] for each in slow if "culprit  " in each["profile"]) == ["a", "b", "c"]


def test_a_failing_block_is_profiled_too_and_leaves_no_sampler_behind(sink: CapturingSink) -> None:
    @logweir.profile_function(slow_seconds=SLOW, cpu=True)
    def failing() -> None:
        culprit()
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        failing()
    failed, slow = sink.events
    assert (failed["level"], failed["outcome"]) == ("error", "failure")
    assert "culprit  " in slow["profile"]
    assert sys.getprofile() is None


def test_a_block_that_ends_in_another_thread_is_told_without_a_profile(sink: CapturingSink) -> None:
    block = logweir.profile_block("odd", slow_seconds=ANY, cpu=True)
    thread = threading.Thread(target=block.__enter__)
    thread.start()
    thread.join()
    block.__exit__(None, None, None)
    assert [each["event"] for each in sink.events] == ["profile.block", "profile.block.slow"]
    assert "profile" not in sink.events[1]


def test_a_block_that_is_used_twice_by_mistake_leaves_no_sampler_behind(sink: CapturingSink) -> None:
    block = logweir.profile_block("odd", slow_seconds=ANY, cpu=True)
    with block:
        pass
    with pytest.raises(RuntimeError, match="make another"), block:
        pass
    with logweir.profile_block("next", slow_seconds=SLOW, cpu=True):
        culprit()
    assert "culprit  " in sink.named("profile.block.slow")[1]["profile"]


def test_decorated_functions_keep_their_types(sink: CapturingSink) -> None:
    @logweir.profile_function
    def bare(count: int) -> str:
        return str(count)

    @logweir.profile_function(cpu=True)
    async def called(count: int) -> str:
        return str(count)

    assert_type(bare(3), str)
    assert_type(asyncio.run(called(3)), str)


def test_a_profile_keeps_within_what_a_field_may_hold(sink: CapturingSink) -> None:
    scope: dict[str, object] = {"culprit": culprit}
    exec("def c0(): culprit(0.05)\n", scope)
    for number in range(1, 300):
        exec(f"def c{number}(): c{number - 1}()\n", scope)
    with logweir.profile_block("deep", slow_seconds=SLOW, cpu=True, note="x" * MAX_TEXT_CHARACTERS):
        scope["c299"]()  # type: ignore[operator]
    line = sink.lines[1]
    assert len(line) <= MAX_EVENT_BYTES
    profile = orjson.loads(line)["profile"]
    assert len(profile) <= MAX_TEXT_CHARACTERS
    assert profile.endswith("\n[truncated]")
    assert "_truncated" not in orjson.loads(line)


def test_a_long_profile_is_thinned_and_its_times_still_add_up(sink: CapturingSink) -> None:
    with logweir.profile_block("long", slow_seconds=SLOW, cpu=True):
        culprit(0.8)
    slow = sink.events[1]
    times = [line.split() for line in slow["profile"].splitlines() if "culprit  " in line]
    seconds = float(times[0][times[0].index("culprit") - 1])
    assert slow["duration_seconds"] / 2 < seconds < slow["duration_seconds"] * 2


def test_where_pyinstrument_is_missing_it_is_said_once_and_blocks_are_timed() -> None:
    code = """
import sys, time
sys.modules["pyinstrument"] = None
import logweir
logweir.configure("shop", to="stdout")
for _ in range(2):
    with logweir.profile_block("render", cpu=True, slow_seconds=1e-9):
        pass
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert [orjson.loads(line)["event"] for line in done.stdout.splitlines()] == [
        "profile.block",
        "profile.block.slow",
    ] * 2
    assert done.stderr == (
        "logweir: cpu=True needs pyinstrument (pip install 'logweir[profile]'); blocks are timed without it\n"
    )


def test_pyinstrument_is_imported_only_when_it_is_asked_for() -> None:
    code = """
import sys, logweir
with logweir.profile_block("render", slow_seconds=1e-9):
    pass
assert "pyinstrument" not in sys.modules
logweir.profile_block("render", cpu=True)
assert "pyinstrument" in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_the_threshold_is_that_of_the_process_unless_a_block_has_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LOGWEIR_SLOW_BLOCK_SECONDS", str(ANY))
    captured = CapturingSink()
    logweir.configure("shop", to=captured)
    with logweir.profile_block("render"):
        pass
    with logweir.profile_block("patient", slow_seconds=3600):
        pass
    with logweir.profile_block("patient", slow_seconds=0):
        pass
    logweir.configure("shop", to=captured, slow_block_seconds=0)
    with logweir.profile_block("patient"):
        pass
    assert [each["block"] for each in captured.named("profile.block.slow")] == ["render"]
    with pytest.raises(ValueError, match="slow_block_seconds: -1 is no number"):
        logweir.configure("shop", slow_block_seconds=-1)

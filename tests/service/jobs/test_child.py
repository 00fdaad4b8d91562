"""Jobs in child processes: their lines, and that none is left behind."""

import asyncio
import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import uvloop

from logweir_service.errors import JobFailed, JobLate
from logweir_service.jobs.child import Children, command


def children(code: str, *, at_once: int = 2) -> Children:
    return Children(at_once, start=lambda: [sys.executable, "-c", code])


def run(main):
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


async def lines_of(found: Children, job=None, *, seconds: float = 20.0) -> list[bytes]:
    async with found.run(job or {"job": "made"}, deadline_seconds=seconds) as lines:
        return [line async for line in lines]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def ends(pid: int) -> bool:
    until = time.monotonic() + 10
    while alive(pid) and time.monotonic() < until:
        time.sleep(0.01)
    return not alive(pid)


def test_a_child_is_told_its_job_and_its_lines_come_back():
    code = "import sys; job = sys.stdin.read(); print(job); print('é' * 200_000); print('', end='')"
    told, long = run(lines_of(children(code), {"job": "made", "text": "x" * 300_000}))
    assert told.startswith(b'{"job":"made","text":"xxx')
    assert b'"seconds":' in told
    assert long.decode() == "é" * 200_000


def test_lines_come_as_soon_as_they_are_written():
    async def main():
        code = "import time; print('first', flush=True); time.sleep(60)"
        async with children(code).run({"job": "made"}, deadline_seconds=50) as lines:
            return await anext(lines)

    assert run(main()) == b"first"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import sys; sys.exit('it is\\nbroken')", "exit code 1: it is broken"),
        ("import os; os.kill(os.getpid(), 9)", "exit code -9: it said nothing"),
        ("print('half a line', end='')", "exit code 0: it said nothing"),
    ],
)
def test_a_failure_is_raised_and_logged_on_one_line(code, said, caplog):
    with caplog.at_level(logging.ERROR), pytest.raises(JobFailed, match=said):
        run(lines_of(children(code)))
    [record] = caplog.records
    assert said in record.getMessage()
    assert "\n" not in record.getMessage()


def test_what_cannot_be_started_is_a_failure(caplog):
    with pytest.raises(JobFailed, match="could not be started"):
        run(lines_of(Children(start=lambda: ["/does/not/exist"])))


def test_a_child_that_is_late_is_killed():
    async def main():
        code = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
        async with children(code).run({"job": "made"}, deadline_seconds=1) as lines:
            pid = int(await anext(lines))
            with pytest.raises(JobLate, match="did not end in time"):
                await anext(lines)
            return pid

    assert ends(run(main()))


def test_a_child_whose_lines_are_not_all_read_is_killed():
    async def main():
        code = "import os\nwhile True: print(os.getpid(), flush=True)"
        async with children(code).run({"job": "made"}, deadline_seconds=50) as lines:
            return int(await anext(lines))

    assert ends(run(main()))


def test_a_child_is_killed_where_who_waits_for_it_is_cancelled():
    async def main():
        pid = asyncio.get_running_loop().create_future()

        async def wait():
            code = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
            async with children(code).run({"job": "made"}, deadline_seconds=50) as lines:
                async for line in lines:
                    pid.set_result(int(line))

        waiting = asyncio.create_task(wait())
        await pid
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        return pid.result()

    assert ends(run(main()))


def test_one_more_than_may_run_waits_and_its_wait_counts():
    async def main():
        found = children("import time; print('on', flush=True); time.sleep(60)", at_once=1)
        async with found.run({"job": "made"}, deadline_seconds=50) as lines:
            await anext(lines)
            with pytest.raises(JobLate, match="no place"):
                await lines_of(found, seconds=0.2)
        async with found.run({"job": "made"}, deadline_seconds=50) as lines:
            return await anext(lines)

    assert run(main()) == b"on"


_OWNER = """import asyncio, os, sys
from logweir_service.jobs.child import Children
code = "import sys, os, time; from logweir_service.jobs.__main__ import _end_with; "
code += "_end_with(int(sys.argv[1])); print(os.getpid(), flush=True); time.sleep(60)"
async def main():
    start = lambda: [sys.executable, "-c", code, str(os.getpid())]
    async with Children(start=start).run({"job": "made"}, deadline_seconds=50) as lines:
        async for line in lines:
            print(line.decode(), flush=True)
asyncio.run(main())
"""


def test_a_child_dies_with_a_service_that_is_killed():
    with subprocess.Popen([sys.executable, "-c", _OWNER], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        assert alive(pid)
        process.kill()
        assert ends(pid)


def test_the_real_child_stands_back_and_names_its_fault():
    with pytest.raises(JobFailed, match="ValueError: there is no job 'os'"):
        run(lines_of(Children(), {"job": "os"}))


def test_the_real_child_takes_nothing_from_the_working_folder(tmp_path, monkeypatch):
    (tmp_path / "msgspec.py").write_text("raise SystemExit('taken from the working folder')")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(JobFailed, match="there is no job"):
        run(lines_of(Children(), {"job": "nothing"}))


def test_a_child_whose_owner_is_gone_already_ends_at_once():
    arguments = [*command()[:-1], "1" if os.getpid() != 1 else "2"]
    done = subprocess.run(arguments, input=b'{"job":"nothing"}', capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_whoever_stops_waits_for_no_child_and_starts_no_other():
    async def main():
        code = "import time; print('begun', flush=True); time.sleep(60)"
        found = children(code, at_once=1)
        async with found.run({"job": "made"}, deadline_seconds=50) as lines:
            assert await anext(lines) == b"begun"
            waiting = asyncio.create_task(lines_of(found, seconds=50))
            await asyncio.sleep(0)
            found.stop()
            with pytest.raises(JobLate):
                await anext(lines)
        with pytest.raises(JobLate):
            await waiting

    started = time.monotonic()
    run(main())
    assert time.monotonic() - started < 30

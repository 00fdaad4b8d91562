"""The demo from its start to its end: service and applications, traffic, report, Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import shlex
import signal
import sys
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from deploy.demo import report
from deploy.demo.findings import Findings, Places, find
from deploy.demo.program import Program, ProgramFailed, application, environment, running, service
from deploy.demo.progress import progress
from deploy.demo.traffic import Tally, shop

INTERRUPTED = 130


def show(arguments: Sequence[str]) -> int:
    """Run the demo and give its exit code."""
    parser = argparse.ArgumentParser(prog="python -m deploy.demo.run", description=__doc__)
    parser.add_argument("--once", action="store_true", help="end after the report, 0 where it is right")
    parser.add_argument("--seconds", type=float, default=15, help="of traffic before the report (15)")
    options = parser.parse_args(arguments)
    # it warns of a process that Ctrl-C caught while it was started, and that was reaped a moment before
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    try:
        return asyncio.run(_run(seconds=options.seconds, once=options.once))
    except asyncio.CancelledError:
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # who read this has seen enough
        return 1
    except ProgramFailed as fault:
        print(f"demo: {fault}", file=sys.stderr)
        return 1


async def _run(*, seconds: float, once: bool) -> int:
    _heed_signals()
    with TemporaryDirectory(prefix="logweir-demo-") as folder:
        async with AsyncExitStack() as stack:
            data = Path(folder, "data")
            print("Starting the ingest service, payments and the shop ...", flush=True)
            programs = ingest, payments, front = await _start(stack, data)
            places = Places(service=ingest.url, payments=payments.url, shop=front.url, data=data)
            tally = Tally()
            try:
                async with progress(tally, seconds=seconds):
                    await shop(places.shop, tally, seconds=seconds)
                first_failed = next(iter(tally.failed), "none")
                found = await find(places, requests=tally.requests, correlation_id=first_failed)
            except (httpx.HTTPError, ExceptionGroup) as fault:
                raise ProgramFailed(front, f"cannot be asked: {fault!r}") from None
            is_right = await _report(found, places, ends=once)
            if not is_right:
                _section("What the ingest service said", ingest.log)
            if not once:
                await _serve(programs, places)
    return 0 if is_right else 1


async def _start(stack: AsyncExitStack, data: Path) -> tuple[Program, Program, Program]:
    """Start everything, what others need before them; `stack` ends it in the other order."""

    async def start(name: str, command: list[str], environ: dict[str, str]) -> Program:
        return await stack.enter_async_context(running(name, command, environ))

    ingest = await start("the ingest service", service(data), environment("LOGWEIR_RULES", "SENTRY_DSN"))
    shipping = environment(LOGWEIR_URL=ingest.url, LOGWEIR_SPOOL=str(data.with_name("spool")))
    payments = await start("payments", application("deploy.demo.payments:app"), shipping)
    shop_environ = {**shipping, "PAYMENTS_URL": payments.url}
    front = await start("the shop", application("deploy.demo.shop:app"), shop_environ)
    return ingest, payments, front


async def _report(found: Findings, places: Places, *, ends: bool) -> bool:
    """Print the report; whether everything in it is as it should be."""
    sentry_expected = bool(os.environ.get("SENTRY_DSN"))
    _section("Events", report.counts(found))
    _section("Metrics derived from them", report.metrics(found))
    _section(f"One failed request: {shlex.join(found.grep)}")
    await _print_story(found.grep)
    _section(
        report.sentry_heading(found, sentry_expected=sentry_expected), report.sentry(found.sentry_event or {})
    )
    heading = (
        "To open while it runs, which is until Ctrl-C without ONCE=1" if ends else "To open while it runs"
    )
    _section(heading, report.addresses(found, places))
    faults = list(report.faults(found, sentry_expected=sentry_expected))
    print(flush=True)
    for fault in faults:
        print(f"demo: FAILED: {fault}", file=sys.stderr)
    if not faults:
        print("Checked: every number agrees, and the story and its Sentry event are whole.", flush=True)
    return not faults


def _section(heading: str, lines: Iterable[str] = ()) -> None:
    print(f"\n\x1b[1m{heading}\x1b[0m" if sys.stdout.isatty() else f"\n{heading}")
    for line in lines:
        print(line)
    sys.stdout.flush()


async def _print_story(grep: Sequence[str]) -> None:
    """Let the command print for itself."""
    process = await asyncio.create_subprocess_exec(
        *grep, env=environment(), stdin=asyncio.subprocess.DEVNULL, start_new_session=True
    )
    await process.wait()


async def _serve(programs: Sequence[Program], places: Places) -> None:
    """Go on, gently, until Ctrl-C.

    Raises:
        ProgramFailed: when one of the programs ends by itself.
    """
    print("Still serving, with a shopper now and then, until Ctrl-C.", flush=True)
    shopper = asyncio.create_task(shop(places.shop, Tally(), shoppers=1, pause_seconds=2))
    tasks = [shopper, *(asyncio.create_task(program.wait()) for program in programs)]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        print("\nStopping ...", flush=True)
        return
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    ended = next((each for each in programs if each.process.returncode is not None), programs[-1])
    raise ProgramFailed(ended, "has ended")


def _heed_signals() -> None:
    """Let the first Ctrl-C, or its like, end the demo in order; the others are too late to matter."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None

    def end() -> None:
        for number in signals:
            loop.add_signal_handler(number, lambda: None)
        task.cancel()

    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in signals:
        loop.add_signal_handler(number, end)

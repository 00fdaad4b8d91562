"""A real browser on a real service that real applications have sent to."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.end_to_end.live import LiveService

INGEST, READ = "ingest-token-of-tests", "read-token-of-tests"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's Chromium. Of this package alone: while it is there, no other test can run a loop."""
    chromium = shutil.which("chromium")
    if chromium is None:
        reason = "chromium is not installed (as root on Debian, make test installs it)"
        pytest.fail(reason, pytrace=False) if os.environ.get("CI") else pytest.skip(reason)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield launched
        launched.close()


def environment(folder: Path) -> dict[str, str]:
    """What a service reads that other machines could reach."""
    return {
        "LOGWEIR_INGEST_TOKENS": f"{INGEST}=*",
        "LOGWEIR_READ_TOKENS": f"another-token,{READ}",
        "LOGWEIR_SENTRY_ISSUE_URL": "https://sentry.example/issues/?query={event_id}",
        "LOGWEIR_TRACE_URL": "https://traces.example/trace/{trace_id}",
        "TMPDIR": str(folder),
    }


@pytest.fixture(scope="package")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    """A service, and in it what the applications have sent."""
    folder = tmp_path_factory.mktemp("browser")
    with LiveService(folder / "data", environment=environment(folder)) as live:
        emit(live, folder)
        yield live


def emit(live: LiveService, folder: Path, role: str = "shop") -> None:
    """Let an application send its events, and wait until they are acknowledged."""
    subprocess.run(
        [sys.executable, "-m", "tests.browser.application", role],
        cwd=ROOT,
        env=os.environ
        | {
            "LOGWEIR_URL": live.url,
            "LOGWEIR_TOKEN": INGEST,
            "LOGWEIR_SERVICE": role,
            "XDG_STATE_HOME": str(folder / "state"),
            "PYTHONPATH": os.pathsep.join(sys.path),
        },
        check=True,
        timeout=60,
    )


def send(live: LiveService, *events: dict[str, Any]) -> None:
    """Store events that somebody sends with curl."""
    made = [{"service": "web", "level": "info", "event": "sent"} | each for each in events]
    body = b"".join(json.dumps(each).encode() + b"\n" for each in made)
    answer = live.post(body, Authorization=f"Bearer {INGEST}").json()
    assert answer["accepted"] == len(events), answer


@dataclass
class Opened:
    """What pages did that no page may do, and what is known of it beforehand."""

    url: str
    expected: list[str] = field(default_factory=list)
    """Parts of the messages that may stand in the console."""
    faults: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.faults.append(f"script failed: {error}"))
        page.on("dialog", self._dialog)
        page.on("request", self._request)

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning") and not any(each in message.text for each in self.expected):
            self.faults.append(f"console: {message.text}")

    def _dialog(self, dialog: Any) -> None:
        self.faults.append(f"a dialog: {dialog.message}")
        dialog.dismiss()

    def _request(self, request: Any) -> None:
        if not request.url.startswith((f"{self.url}/", "data:")):
            self.faults.append(f"a request to elsewhere: {request.url}")


@pytest.fixture(scope="package")
def session(browser: Browser, service: LiveService) -> Any:
    """The state of a browser in which the token was entered."""
    context = browser.new_context(base_url=service.url)
    page = context.new_page()
    log_in(page)
    state = context.storage_state()
    context.close()
    return state


def log_in(page: Page, *, at: str = "/", token: str = READ) -> None:
    """Ask for a page, and enter the token that is wanted first."""
    page.goto(at, wait_until="domcontentloaded")
    page.get_by_label("Read token").fill(token)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_load_state("domcontentloaded")


@pytest.fixture
def opened(service: LiveService) -> Iterator[Opened]:
    """Watches all pages of a test; at its end nothing may have gone wrong in them."""
    watching = Opened(service.url)
    yield watching
    assert watching.faults == []


OpenPage = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, service: LiveService, session: Any, opened: Opened) -> Iterator[OpenPage]:
    """Opens a path in a window of its own: ``open_page("/status", width=390, scheme="dark")``."""
    contexts = []

    def open_it(
        path: str | None = None,
        *,
        width: int = 1280,
        height: int = 800,
        scheme: Any = "light",
        script: bool = True,
        logged_in: bool = True,
        **more: Any,
    ) -> Page:
        context = browser.new_context(
            base_url=service.url,
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            reduced_motion="reduce",  # else colours are looked at on their way
            java_script_enabled=script,
            storage_state=session if logged_in else None,
            **more,
        )
        context.set_default_timeout(10_000)
        contexts.append(context)
        page = context.new_page()
        opened.watch(page)
        if path is not None:
            page.goto(path, wait_until="domcontentloaded")
        return page

    yield open_it
    for context in contexts:
        context.close()

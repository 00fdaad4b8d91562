"""A real Sentry-compatible server, Bugsink, in an environment of its own.

``python -m tests.end_to_end.bugsink`` makes that environment, so that the tests need not.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3

ROOT = Path(__file__).parents[2]
ENVIRONMENT = ROOT / ".venv-bugsink"
LOCK = Path(__file__).with_name("bugsink.lock")

START_SECONDS = 60.0
STOP_SECONDS = 10.0

CONFIGURATION = """\
from bugsink.settings.default import *
SECRET_KEY = "t" * 50 + "0123456789"
ALLOWED_HOSTS = ["*"]
TIME_ZONE = "UTC"
DATABASES["default"]["NAME"] = {folder!r} + "/db.sqlite3"
DATABASES["snappea"]["NAME"] = {folder!r} + "/snappea.sqlite3"
SNAPPEA = {{"TASK_ALWAYS_EAGER": True}}  # an event can be read once its request is answered
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
BUGSINK = {{
    "BASE_URL": "http://127.0.0.1:{port}",
    "SINGLE_TEAM": True,
    "PHONEHOME": False,
    "INGEST_STORE_BASE_DIR": {folder!r} + "/ingestion",
    "VALIDATE_ON_DIGEST": "strict",
    "KEEP_ENVELOPES": 1000,
    "MAX_EVENTS_PER_PROJECT_PER_5_MINUTES": {max_events},
    "MAX_EVENTS_PER_5_MINUTES": {max_events},
}}
"""

SET_UP = """\
import json, django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
call_command("migrate", database="snappea", verbosity=0)
from django.contrib.auth import get_user_model
from bsmain.models import AuthToken
from teams.models import Team
get_user_model().objects.create_superuser(username="admin@example.org", password="admin")
team = Team.objects.create(name="tests")
print(json.dumps({"token": AuthToken.create_full_access().token, "team": str(team.id)}))
"""


class BugsinkUnavailable(Exception):
    """Bugsink cannot be installed here; the text says why."""


def ensure_environment() -> Path:
    """Make Bugsink's environment as the lock says, unless it is there; return its interpreter.

    It works without ensurepip, which Debian keeps in a package of its own.

    Raises:
        BugsinkUnavailable: no pip, or no index within reach.
    """
    python = ENVIRONMENT / "bin" / "python"
    made_from, wanted = ENVIRONMENT / "made-from", hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if made_from.exists() and made_from.read_text() == wanted:
        return python
    pip = _pip()
    _run([sys.executable, "-m", "venv", "--clear", "--without-pip", str(ENVIRONMENT)])
    _run([*pip, "--python", str(python), "install", "--quiet", "--require-hashes", "-r", str(LOCK)])
    made_from.write_text(wanted)
    return python


def _pip() -> list[str]:
    """A pip that can install into other environments; not every environment has its own."""
    for python in (sys.executable, shutil.which("python3"), "/usr/bin/python3"):
        pip = [python or "python3", "-m", "pip"]
        if python and subprocess.run([*pip, "--version"], check=False, capture_output=True).returncode == 0:
            return pip
    raise BugsinkUnavailable("no python3 here has pip")


def _run(command: list[str]) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["nothing"]
        raise BugsinkUnavailable(f"{' '.join(command[:4])} said: {said[-1]}")


class Bugsink:
    """One server with its data in `folder`, on one port for its whole life, through stops and kills."""

    def __init__(self, folder: Path, *, python: Path, max_events: int = 100_000) -> None:
        self.folder = folder
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._python = python
        self._http = urllib3.PoolManager(retries=False, timeout=30.0)
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        known = _template(python)
        for file in known.glob("*.sqlite3"):
            shutil.copy(file, folder)
        secrets = json.loads((known / "secrets.json").read_text())
        self.token: str = secrets["token"]
        self._team: str = secrets["team"]
        _configure(folder, port=self.port, max_events=max_events)

    def start(self) -> None:
        """Start the server and wait until it is ready."""
        command = [str(self._python), "-m", "gunicorn", "bugsink.wsgi", "--no-control-socket"]
        command += ["--bind", f"127.0.0.1:{self.port}", "--workers", "1", "--threads", "4"]
        with (self.folder / "log.txt").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=_variables(self.folder),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Bugsink did not start:\n{(self.folder / 'log.txt').read_text()}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop at once; the data stay."""
        self._signal(signal.SIGQUIT)

    def kill(self) -> None:
        """End it as a crash does; the data stay."""
        self._signal(signal.SIGKILL)

    def new_project(self) -> str:
        """Make a project of its own for one test; returns its DSN."""
        name = f"project-{time.monotonic_ns()}"
        self._ask("POST", "projects/", {"name": name, "team": self._team})
        return next(str(project["dsn"]) for project in self._all("projects/") if project["name"] == name)

    def issues(self, dsn: str) -> list[dict[str, Any]]:
        """The issues of the project that `dsn` names."""
        return self._all(f"issues/?project={urlsplit(dsn).path.strip('/')}")

    def events(self, dsn: str) -> list[dict[str, Any]]:
        """Every event of the project, oldest first, as the API tells it: ``data`` is what was sent."""
        found = [
            self._ask("GET", f"events/{event['id']}/")
            for issue in self.issues(dsn)
            for event in self._all(f"events/?issue={issue['id']}")
        ]
        return sorted(found, key=lambda event: float(event["data"]["timestamp"]))

    def _all(self, path: str) -> list[dict[str, Any]]:
        page = self._ask("GET", path)
        results: list[dict[str, Any]] = page["results"]
        while page.get("next"):
            page = self._ask("GET", page["next"].partition("/api/canonical/0/")[2])
            results += page["results"]
        return results

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = self._http.request(method, f"{self.url}/api/canonical/0/{path}", headers=headers, json=body)
        if answer.status >= 300:
            raise RuntimeError(
                f"Bugsink answered {method} {path} with {answer.status}: {answer.data[:500]!r}"
            )
        return answer.json()

    def _is_ready(self) -> bool:
        try:
            return self._http.request("GET", f"{self.url}/health/ready").status == 200
        except urllib3.exceptions.HTTPError:
            return False

    def _signal(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        self._http.clear()
        if process is None:
            return
        os.killpg(process.pid, number)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _template(python: Path) -> Path:
    """Databases of an empty server, made once for the environment: migrations take seconds."""
    template = ENVIRONMENT / "empty-server"
    if not (template / "secrets.json").exists():
        template.mkdir(exist_ok=True)
        for old in template.glob("*.sqlite3"):
            old.unlink()
        _configure(template, port=0, max_events=1)
        made = subprocess.run(
            [python, "-c", SET_UP], check=False, cwd=template, env=_variables(template), capture_output=True
        )
        if made.returncode:
            raise RuntimeError(f"Bugsink's databases cannot be made:\n{made.stderr.decode()}")
        (template / "secrets.json").write_bytes(made.stdout.splitlines()[-1])
    return template


def _configure(folder: Path, *, port: int, max_events: int) -> None:
    text = CONFIGURATION.format(folder=str(folder), port=port, max_events=max_events)
    (folder / "bugsink_conf.py").write_text(text)


def _variables(folder: Path) -> dict[str, str]:
    return {**os.environ, "DJANGO_SETTINGS_MODULE": "bugsink_conf", "PYTHONPATH": str(folder)}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def bugsink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bugsink]:
    """A running server for the whole session; each test makes its own project.

    Where it cannot be installed the tests are skipped, in CI they fail.
    """
    try:
        python = ensure_environment()
    except BugsinkUnavailable as reason:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"Bugsink cannot be installed: {reason}")
    server = Bugsink(tmp_path_factory.mktemp("bugsink"), python=python)
    server.start()
    yield server
    server.stop()


if __name__ == "__main__":
    try:
        print(f"Bugsink is ready to be run by {ensure_environment()}")  # noqa: T201 - a command's answer
    except BugsinkUnavailable as reason:
        print(f"Bugsink cannot be installed, tests that need it will be skipped: {reason}")  # noqa: T201
        sys.exit(bool(os.environ.get("CI")))

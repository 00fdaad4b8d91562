"""A real service in a process of its own, on a free port, to be used, killed and started again."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import urllib3

_LISTENING = re.compile(r"listening on (http://\S+)")
_START_SECONDS = 60


class LiveService:
    """``logweir serve`` on `data`; use it as a context manager, or `start` and `stop` it.

    `under` is a program that runs it, with its arguments, such as ``setpriv``; `module` stands in for
    the command.
    """

    def __init__(
        self,
        data: Path,
        *arguments: str,
        environment: dict[str, str] | None = None,
        python: str | Path = sys.executable,
        under: Sequence[str] = (),
        module: str = "logweir_service",
    ) -> None:
        self.data = data
        self._arguments = arguments
        self._environment = environment or {}
        self._python = python
        self._under = under
        self._module = module
        self._listen = "127.0.0.1:0"
        self.url = ""
        self.log: list[str] = []
        self.http = urllib3.PoolManager(retries=False, timeout=30, maxsize=32)
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread

    @property
    def process(self) -> subprocess.Popen[str]:
        """The process that was started last."""
        assert self._process is not None
        return self._process

    def start(self) -> LiveService:
        """Start it and wait until it takes events; a second start takes the same port."""
        self.launch()
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._reader.is_alive():
            if self.url and self.is_ready():
                return self
            time.sleep(0.005)
        if self._reader.is_alive():
            self.process.kill()
        self.process.wait(_START_SECONDS)
        self._reader.join(_START_SECONDS)
        raise RuntimeError("the service did not start:\n" + "\n".join(self.log))

    def launch(self) -> None:
        """Start it and wait for nothing."""
        command = [*self._under, str(self._python), "-m", self._module, "serve"]
        command += ["--data", str(self.data), "--listen", self._listen, *self._arguments]
        clean = {
            key: value for key, value in os.environ.items() if not key.startswith(("LOGWEIR_", "SENTRY_"))
        }
        self._process = subprocess.Popen(
            command, env=clean | self._environment, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()

    def is_ready(self) -> bool:
        """Whether it says that it takes events; False also where nobody answers."""
        try:
            return self.get("/ready").status == 200
        except urllib3.exceptions.HTTPError:
            return False

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(60)

    def __enter__(self) -> LiveService:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self.stop()
        self.http.clear()

    def post(self, body: bytes, **headers: str) -> urllib3.BaseHTTPResponse:
        """Send NDJSON; keywords become headers, underscores dashes."""
        sent = {"Content-Type": "application/x-ndjson"}
        sent |= {key.replace("_", "-"): value for key, value in headers.items()}
        return self.http.request("POST", f"{self.url}/v1/events", body=body, headers=sent)

    def get(self, path: str, **headers: str) -> urllib3.BaseHTTPResponse:
        """Ask for a path."""
        return self.http.request("GET", self.url + path, headers=headers)

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        with process.stderr as lines:
            for line in lines:
                self.log.append(line.rstrip())
                if found := _LISTENING.search(line):
                    self.url = found[1]
                    self._listen = self.url.removeprefix("http://")

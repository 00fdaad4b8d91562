"""``logweir-ship drain`` sends what dead processes have left, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.shipper.service import Fault, PlayedService
from tests.shipper.spool.test_kill import Application, received


def drain(*arguments: str, url: str | None = None) -> subprocess.CompletedProcess[str]:
    environ = {key: value for key, value in os.environ.items() if not key.startswith("LOGWEIR")}
    command = [sys.executable, "-m", "logweir.cli", "drain", *arguments]
    if url:
        command += ["--url", url]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.fault(23)
def test_streams_of_the_dead_are_sent_in_order_and_deleted_and_the_living_left_alone(
    service: PlayedService, tmp_path: Path
) -> None:
    away = "http://127.0.0.1:9"
    dead = [Application(tmp_path, f"dead{n}", away, events=2000, LOGWEIR_SERVICE=f"shop{n}") for n in (1, 2)]
    living = Application(tmp_path, "living", away, events=10)
    for application in (*dead, living):
        application.wait_until_done()
    for application in dead:
        application.kill()
    drained = drain("--spool", str(tmp_path / "spool"), url=service.url)
    living.kill()
    assert drained.returncode == 0, drained
    assert "4000 events of 2 streams delivered, 0 streams left, 1 in use" in drained.stderr
    for run in ("dead1", "dead2"):
        assert received(service, run) == list(range(2000))
    assert len(service.closed) == 2
    assert len(list((tmp_path / "spool").glob("*/*"))) == 1


def test_what_cannot_be_delivered_in_time_stays(service: PlayedService, tmp_path: Path) -> None:
    application = Application(tmp_path, "dead", "http://127.0.0.1:9", events=10)
    application.wait_until_done()
    application.kill()
    service.always = Fault(503)
    drained = drain("--spool", str(tmp_path / "spool"), "--seconds", "0.5", url=service.url)
    assert drained.returncode == 1
    assert "0 events of 0 streams delivered, 1 streams left" in drained.stderr
    service.always = None
    assert drain("--spool", str(tmp_path / "spool"), url=service.url).returncode == 0
    assert received(service, "dead") == list(range(10))


def test_an_empty_spool_is_drained_at_once(tmp_path: Path) -> None:
    drained = drain("--spool", str(tmp_path), url="http://127.0.0.1:9")
    assert (drained.returncode, drained.stderr) == (
        0, "logweir-ship: 0 events of 0 streams delivered, 0 streams left, 0 in use\n",
    )  # fmt: skip
    drained = drain("--spool", str(tmp_path / "none"), url="http://127.0.0.1:9")
    assert (drained.returncode, drained.stderr) == (
        0, f"logweir-ship: {tmp_path / 'none'} does not exist, so nothing waits there\n",
    )  # fmt: skip
    assert drain("--spool", str(tmp_path)).returncode == 78


def test_a_spool_that_cannot_be_read_does_not_pass_for_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    drained = drain("--spool", str(tmp_path / "file"), url="http://127.0.0.1:9")
    assert drained.returncode == 78
    assert f"{tmp_path / 'file'}: Not a directory; the spool's folder is named by --spool" in drained.stderr
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        (theirs := Path(folder, "shop")).mkdir(mode=0o700 if os.getuid() == 0 else 0)
        as_another = (
            "import os, sys; from logweir.cli import main; os.getuid() or os.setuid(65534); sys.exit(main())"
        )
        drained = subprocess.run(
            [sys.executable, "-c", as_another, "drain", "--spool", folder, "--url", "http://127.0.0.1:9"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        theirs.chmod(0o700)
    assert (drained.returncode, drained.stderr) == (
        78, f"logweir-ship: {theirs}: Permission denied; run this as the application's user\n",
    )  # fmt: skip


@pytest.mark.parametrize("seconds", ["-1", "nan", "inf", "soon"])
def test_what_is_no_time_to_wait_is_wrong_usage(seconds: str) -> None:
    drained = drain(f"--seconds={seconds}", url="http://127.0.0.1:9")
    assert drained.returncode == 64
    assert f"argument --seconds: '{seconds}' is no number of seconds" in drained.stderr

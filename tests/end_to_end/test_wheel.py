"""The wheel, built and installed into an empty environment, does the main job."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.end_to_end.live import LiveService

ROOT = Path(__file__).parents[2]

EMIT = """
import logweir
logweir.configure("shop", url={url!r})
with logweir.bound(correlation_id="from-the-wheel"):
    logweir.get_logger().info("order.placed", total=3)
logweir.close()
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def environment(tmp_path_factory, wheel):
    """The interpreter of a new environment that holds the wheel and its locked dependencies."""
    folder = tmp_path_factory.mktemp("environment")
    python = folder / "bin" / "python"
    outside = getattr(sys, "_base_executable", sys.executable)
    install = [outside, "-m", "pip", "--disable-pip-version-check", "-q", "--python", python, "install"]
    subprocess.run([outside, "-m", "venv", "--without-pip", folder], check=True)
    subprocess.run(
        [*install, "--require-hashes", "-r", ROOT / "requirements.lock"], check=True, stderr=subprocess.PIPE
    )
    subprocess.run([*install, "--no-deps", wheel], check=True, stderr=subprocess.PIPE)
    return python


def test_wheel_holds_the_two_packages_and_their_data_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names} == {
        "logweir",
        "logweir_service",
        "logweir-0.1.0.dist-info",
    }
    assert "logweir_service/packs/http.yaml" in names
    points = zipfile.ZipFile(wheel).read("logweir-0.1.0.dist-info/entry_points.txt").decode()
    assert "[pytest11]\nlogweir = logweir.pytest_plugin\n" in points
    assert {"logweir/py.typed", "logweir_service/py.typed"} <= {*names}


@pytest.mark.timeout(300)
def test_installed_wheel_serves_ships_and_finds(environment, tmp_path):
    with LiveService(tmp_path / "data", python=environment) as live:
        subprocess.run([environment, "-c", EMIT.format(url=live.url)], check=True, cwd=tmp_path, timeout=60)
        found = subprocess.run(
            [environment.with_name("logweir"), "grep", "from-the-wheel", "--url", live.url],
            capture_output=True,
            text=True,
            check=True,
            cwd=tmp_path,
            timeout=60,
        )
        assert "order.placed" in found.stdout
        assert "total=3" in found.stdout
        assert live.stop() == 0


@pytest.mark.timeout(120)
def test_types_of_the_installed_packages_are_seen_by_a_checker(environment, tmp_path):
    source = tmp_path / "application.py"
    source.write_text("import logweir\nreveal_type(logweir.stats())\nlogweir.configure(7)\n")
    checked = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--python-executable",
            environment,
            "--cache-dir",
            tmp_path / "cache",
            source,
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert 'Revealed type is "Any"' not in checked.stdout
    assert "[arg-type]" in checked.stdout
    assert "import-untyped" not in checked.stdout

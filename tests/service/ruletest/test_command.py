from __future__ import annotations

import subprocess
import sys
from xml.etree import ElementTree

import pytest

from logweir_service.cli import main

from .written import case, event, scrape, write

PASSES = case(f"[{event()}]", "[{at: 0s, absent: [depth]}]").replace("it,", "passes,")
FAILS = case(f"[{event()}]", f"[{scrape('0s', 'depth 1')}]").replace("it,", '"fails <\\u0001>",')


def run(capsys, *arguments):
    """The exit code, and what was written to stdout and stderr."""
    with pytest.raises(SystemExit) as ended:
        main(["test", *map(str, arguments)])
    return ended.value.code, *capsys.readouterr()


def test_tests_that_pass_are_a_line_each_and_exit_0(capsys, tmp_path):
    file = write(tmp_path, PASSES)
    assert run(capsys, file) == (0, f"ok    {file}: passes\n1 test passed\n", "")


def test_a_test_that_fails_is_told_with_its_lines_and_exits_1(capsys, tmp_path):
    file = write(tmp_path, PASSES + FAILS)
    code, out, _ = run(capsys, file, "--coverage")
    assert (code, out.splitlines()[:-1]) == (
        1,
        [
            f"ok    {file}: passes",
            f"FAIL  {file}:4: fails <\1>",
            f"      {file}:4: metrics at 0s (- expected, + is)",
            "        - depth 1",
            "1 of 2 tests failed",
        ],
    )
    assert out.splitlines()[-1].startswith("rules reached 1 of 8: not b_total, size_total")


def test_a_file_that_cannot_be_used_runs_nothing_and_exits_78(capsys, tmp_path):
    file = write(tmp_path, PASSES)
    broken = tmp_path / "broken_test.yaml"
    broken.write_text("rules: [rules.yaml]\ntests: [{nam: x}]\n")
    code, out, err = run(capsys, file, broken)
    assert (code, out) == (78, "")
    assert f"{broken}:2: unknown key 'nam' in a test (did you mean 'name'?)" in err


def test_junit_names_each_test_and_what_failed(capsys, tmp_path):
    file = write(tmp_path, PASSES + FAILS)
    assert run(capsys, file, "--junit", tmp_path / "out.xml")[0] == 1
    (suite,) = ElementTree.parse(tmp_path / "out.xml").getroot()
    assert (suite.attrib["name"], suite.attrib["tests"], suite.attrib["failures"]) == (file, "2", "1")
    passed, failed = suite
    assert (passed.attrib["name"], len(passed)) == ("passes", 0)
    assert (failed.attrib["classname"], failed.attrib["name"]) == (file, "fails <\ufffd>")
    assert (failed[0].tag, failed[0].attrib["message"]) == ("failure", "metrics at 0s")
    assert failed[0].text == f"{file}:4: metrics at 0s\n- depth 1"


def test_the_command_runs_in_a_process_of_its_own(tmp_path):
    write(tmp_path, PASSES)
    command = [sys.executable, "-m", "logweir_service", "test", "some_test.yaml"]
    done = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "ok    some_test.yaml: passes\n1 test passed\n")

from __future__ import annotations

import re
from pathlib import Path

import pytest

from logweir_service.cli import main
from logweir_service.ruletest import expecting, given, promoted, reading

SECTIONS = (Path(__file__).parents[3] / "docs" / "rules.md").read_text().split("\n## ")
ORDERS = re.findall(r"```yaml\n(.*?)```", SECTIONS[0], re.DOTALL)[0]
(SECTION,) = [section for section in SECTIONS if section.startswith("Test your rules")]
(TEST,) = re.findall(r"```yaml\n(.*?)```", SECTION, re.DOTALL)
(SAID,) = re.findall(r"```\n(FAIL.*?)```", SECTION, re.DOTALL)


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "orders.yaml").write_text(ORDERS)

    def run(text: str) -> tuple[int, str]:
        (tmp_path / "orders_test.yaml").write_text(text)
        with pytest.raises(SystemExit) as ended:
            main(["test", "orders_test.yaml"])
        return int(ended.value.code or 0), capsys.readouterr().out

    return run


def test_the_example_of_the_page_passes(run):
    code, out = run(TEST)
    assert (code, out.splitlines()[-1]) == (0, "2 tests passed")


def test_the_failure_on_the_page_is_what_is_printed(run):
    assert run(TEST.replace("depth: 4", "depth: 5")) == (1, SAID)


def test_every_key_of_a_test_is_on_the_page():
    keys = {*reading._CASE_KEYS, *given._OWN_KEYS, *expecting._KEYS}
    assert [key for key in keys if f"| `{key}` |" not in SECTION] == []
    assert [key for key in promoted.KEYS if f"`{key}`" not in SECTION] == []

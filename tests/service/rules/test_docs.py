from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from logweir_service.derive.tally import SkipReason
from logweir_service.rules import load

PAGE = (Path(__file__).parents[3] / "docs" / "rules.md").read_text()
EXAMPLES = re.findall(r"```yaml\n(version:.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_of_the_page_loads(tmp_path: Path, example: str) -> None:
    file = tmp_path / "example.yaml"
    file.write_text(example)
    rules = load([file])
    assert rules.metrics or rules.promote or rules.store or rules.scrub


def test_the_promotion_on_the_page_is_the_standard(tmp_path: Path) -> None:
    (example,) = [example for example in EXAMPLES if "promote:" in example]
    (tmp_path / "page.yaml").write_text(example)
    (tmp_path / "short.yaml").write_text("version: 1\npromote: [{name: payments}]")
    assert load([tmp_path / "page.yaml"]).promote == load([tmp_path / "short.yaml"]).promote


def test_every_reason_for_skipping_is_on_the_page() -> None:
    assert all(f"| `{reason}` |" in PAGE for reason in get_args(SkipReason))

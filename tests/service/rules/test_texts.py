from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from logweir_service.errors import RulesError
from logweir_service.rules import RuleSet, RuleSource, load, load_texts

OWN = """\
version: 1
metrics:
  - {name: orders_total, type: counter, event: order.placed, labels: {kind: kind}}
  - {name: errors_total, type: counter, event: "*", when: level == "error", replace: true}
promote:
  - {name: own, when: level == "critical"}
store:
  - {event: cache.operation, keep: 0.1}
scrub:
  keys: [password]
"""


def kept(rules: RuleSet) -> tuple[tuple[RuleSource, ...], tuple[str, ...] | None]:
    """What is needed to make the rules again, once written and read."""
    written = msgspec.json.encode((rules.sources, rules.pack_labels))
    return msgspec.json.decode(written, type=tuple[tuple[RuleSource, ...], tuple[str, ...] | None])


@pytest.mark.parametrize("pack_labels", [None, [], ["service", "cloud_region"]])
def test_rules_are_made_again_of_their_texts_when_the_files_are_gone(
    tmp_path: Path, pack_labels: list[str] | None
) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    file = folder / "own.yaml"
    file.write_text(OWN)
    rules = load(["packs", folder], pack_labels=pack_labels)
    file.unlink()
    texts, labels = kept(rules)
    again = load_texts(texts, pack_labels=labels)
    assert again == rules
    assert (again.sources, again.pack_labels) == (rules.sources, rules.pack_labels)
    assert [source.name for source in texts if not source.is_pack] == [str(file)]


def test_the_labels_of_the_packs_are_not_put_on_own_rules_made_again(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(OWN)
    rules = load(["packs/http", "packs/errors", tmp_path], pack_labels=["cloud_region"])
    texts, labels = kept(rules)
    named = {
        rule.name: [label.name for label in rule.labels]
        for rule in load_texts(texts, pack_labels=labels).metrics
    }
    assert named["orders_total"] == ["kind"]
    assert named["http_requests_total"][0] == "cloud_region"


def test_where_rules_stood_does_not_make_them_others(tmp_path: Path) -> None:
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first.write_text("version: 1\nmetrics: [{name: a_total, type: counter, event: x}]\n")
    second.write_text("version: 1 # the same\nmetrics: [{name: a_total, type: counter, event: x}]\n")
    assert load([first]) == load([second])
    assert load([first]).sources != load([second]).sources


def test_texts_that_are_no_rules_any_more_are_refused_with_their_places() -> None:
    texts = [RuleSource(name="gone.yaml", text="version: 1\nmetricks: []\n", is_pack=False)]
    with pytest.raises(RulesError) as caught:
        load_texts(texts, pack_labels=["user_email"])
    assert [problem.partition(": ")[0] for problem in caught.value.problems] == [
        "LOGWEIR_PACK_LABELS",
        "gone.yaml:2",
    ]

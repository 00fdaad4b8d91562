from __future__ import annotations

from logweir_service.rules import RuleSource, excerpts, load

OWN = """\
version: 1
# said of the first
metrics:
  - name: a_total
    type: counter
    event: a.b
    help: >
      Two
      lines.

  # said of the second
  - {name: b_total, type: counter, event: b}
  -   name: c_seconds
      type: histogram
      event: c
      observe: duration_seconds
      buckets: [1,
        2]
store:
  - events: [noise]
    keep: never
scrub:
  keys: [iban]
"""


def source(text: str, name: str = "own.yaml") -> RuleSource:
    return RuleSource(name=name, text=text, is_pack=False)


def test_each_rule_is_told_as_it_stands_in_its_file():
    found = {each.name or each.section: each for each in excerpts([source(OWN)])}
    assert [*found] == ["a_total", "b_total", "c_seconds", "store", "scrub"]
    assert found["a_total"].text == "name: a_total\ntype: counter\nevent: a.b\nhelp: >\n  Two\n  lines."
    assert found["b_total"].text == "{name: b_total, type: counter, event: b}"
    assert found["c_seconds"].text.splitlines()[-2:] == ["buckets: [1,", "  2]"]
    assert found["store"].text == "events: [noise]\nkeep: never"
    assert found["scrub"].text == "keys: [iban]"
    lines = OWN.splitlines()
    for each in found.values():
        assert each.text.splitlines()[0] in lines[each.line - 1]


def test_a_rule_that_replaces_another_is_told_in_its_place():
    other = "version: 1\nmetrics:\n  - {name: a_total, type: counter, event: z, replace: true}\n"
    found = [each for each in excerpts([source(OWN), source(other, "z.yaml")]) if each.name == "a_total"]
    assert [(each.file, each.line) for each in found] == [("z.yaml", 3)]


def test_every_rule_of_the_packs_is_found_and_alone_in_its_text():
    rules = load(["packs", "packs/compat"])
    found = excerpts(rules.sources)
    assert sorted(each.name for each in found if each.section == "metrics") == sorted(
        rule.name for rule in rules.metrics
    )
    assert all(each.text.count("name: ") >= 1 for each in found if each.section == "metrics")
    assert all(each.text.count("\nname: ") == 0 for each in found)


def test_what_is_no_yaml_has_no_rules():
    assert excerpts([source("a: [")]) == []
    assert excerpts([source("- a")]) == []
    assert excerpts([source("")]) == []

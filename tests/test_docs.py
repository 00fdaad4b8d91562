"""The documentation says what the code does: settings, metrics, codes, commands, links, examples."""

from __future__ import annotations

import argparse
import ast
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from logweir_service.app import compose
from logweir_service.cli import parser
from logweir_service.journal import DataFolder, Journal, StreamPosition, crc32
from logweir_service.limits import Limits
from logweir_service.settings import Settings, read_settings

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
SERVICE = ROOT / "service" / "logweir_service"
SHIPPER = ROOT / "shipper" / "logweir"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "deploy").rglob("*.md")])


def sections(page: Path) -> dict[str, str]:
    """The text under each heading, code left out."""
    found: defaultdict[str, str] = defaultdict(str)
    heading = ""
    for line in re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.M | re.S).splitlines():
        if match := re.fullmatch(r"#+ (.+)", line):
            heading = match[1]
        found[heading] += line + "\n"
    return found


def tables(page: Path, *headings: str) -> Iterator[list[str]]:
    """The rows of all tables, or of those under `headings`, as cells without backquotes."""
    for heading, text in sections(page).items():
        if headings and heading not in headings:
            continue
        for table in re.findall(r"(?:^\|.*\n)+", text, flags=re.M):
            for row in table.splitlines()[2:]:
                yield [cell.strip().strip("`") for cell in row.strip("|").split(" | ")]


def first_cells(page: Path, *headings: str) -> list[str]:
    return [cells[0] for cells in tables(page, *headings)]


def calls(*files: Path) -> Iterator[tuple[str, ast.Call]]:
    """Every call by the last part of its name, in the order of the source."""
    for file in files:
        nodes = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)]
        for node in sorted(nodes, key=lambda node: (node.lineno, node.col_offset)):
            match node.func:
                case ast.Name(name) | ast.Attribute(attr=name):
                    yield name, node


def constants(call: ast.Call, count: int) -> tuple[Any, ...]:
    return tuple(ast.literal_eval(argument) for argument in call.args[:count])


def service_variables() -> set[str]:
    names: set[str] = set()
    for field in Settings.model_fields.values():
        alias = field.validation_alias
        names |= {alias} if isinstance(alias, str) else {str(choice) for choice in alias.choices}  # type: ignore[union-attr]
    return names


def application_variables() -> set[str]:
    found = [call.args[1:] for name, call in calls(SHIPPER / "settings.py") if name == "_first"]
    return {ast.literal_eval(argument) for arguments in found for argument in arguments}


def test_every_setting_is_documented_and_every_documented_one_exists():
    assert set(first_cells(DOCS / "settings.md", "Service")) == service_variables()
    assert set(first_cells(DOCS / "settings.md", "Application")) == application_variables()


def test_the_example_environment_names_every_variable_once_and_sets_none():
    lines = (ROOT / ".env.example").read_text().splitlines()
    assert all(line.startswith("#") for line in lines if line)
    names = [match[1] for line in lines if (match := re.match(r"#([A-Z_]+)=", line))]
    assert sorted(names) == sorted(service_variables() | application_variables())


def test_every_metric_of_the_service_is_documented_with_its_type(tmp_path):
    service = compose(read_settings(data=str(tmp_path)))
    try:
        exposed = {
            (f"{family.name}_total" if family.type == "counter" else family.name, family.type)
            for family in service.pipeline.telemetry.registry.collect()
        }
    finally:
        service.pipeline.close()
    assert {(row[0], row[1]) for row in tables(DOCS / "service-metrics.md")} == exposed


def test_every_refusal_is_documented_with_its_status():
    found = {constants(call, 2) for name, call in calls(*SERVICE.rglob("*.py")) if name == "Refusal"}
    assert {(int(row[0]), row[1]) for row in tables(DOCS / "wire-format.md", "Refusals")} == found


def test_every_rejection_code_is_documented():
    found = {constants(call, 1)[0] for name, call in calls(*SERVICE.rglob("*.py")) if name == "Refused"}
    assert set(first_cells(DOCS / "wire-format.md", "Rejection codes")) == found


def test_the_limits_are_documented_with_their_values():
    rows = tables(DOCS / "wire-format.md", "Limits")
    assert {row[0]: int(row[1].replace(",", "")) for row in rows} == asdict(Limits())


def test_every_command_of_the_service_and_its_options_are_documented():
    assert documented_options("logweir") == dict(offered("logweir", parser()))


def offered(name: str, command: argparse.ArgumentParser) -> Iterator[tuple[str, set[str]]]:
    """The options of a command and of those below it."""
    below = [action for action in command._actions if isinstance(action, argparse._SubParsersAction)]
    long = {each for action in command._actions for each in action.option_strings if each[:2] == "--"}
    yield name, long - {"--help"}
    for action in below:
        for choice, each in action.choices.items():
            yield from offered(f"{name} {choice}", each)


def test_every_command_of_the_shipper_and_its_options_are_documented():
    options: dict[str, set[str]] = {"logweir-ship": set()}
    for name, call in calls(SHIPPER / "cli.py"):
        if name == "add_parser":
            options[f"logweir-ship {constants(call, 1)[0]}"] = set()
        elif name == "add_argument" and constants(call, 1)[0].startswith("-"):
            options[[*options][-1]].add(constants(call, 1)[0])
    assert documented_options("logweir-ship") == options


def documented_options(command: str) -> dict[str, set[str]]:
    page = DOCS / "commands.md"
    return {
        heading: {cell for cell in first_cells(page, heading) if cell.startswith("--")}
        for heading in sections(page)
        if heading.split()[:1] == [command]
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page):
    broken = []
    for target in re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", "".join(sections(page).values())):
        path, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        there = (page.parent / path).resolve() if path else page
        if not there.exists() or (anchor and anchor not in map(slug, sections(there))):
            broken.append(target)
    assert broken == []


def slug(heading: str) -> str:
    """The anchor that GitHub makes of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_the_journal_can_be_read_with_the_reader_in_its_documentation(tmp_path):
    first, second = b'{"n":1}\r\n{"n":2}\n', b'{"n":3,"_commit":{}}\n'
    segment = write_journal(tmp_path, first, second)
    assert documented_reader(tmp_path) == [(1, 2, [{"n": 1}, {"n": 2}]), (2, 1, [{"n": 3, "_commit": {}}])]
    whole = segment.read_bytes()
    for damaged in (whole[:-1], whole.replace(b'"n":3', b'"n":4'), whole.replace(b'"lsn":2', b'"lsn":3')):
        segment.write_bytes(damaged)
        assert documented_reader(tmp_path) == [(1, 2, [{"n": 1}, {"n": 2}])]
    segment.write_bytes(whole + b'{"_commit":{"lsn":3,"str')
    assert len(documented_reader(tmp_path)) == 2


def documented_reader(folder: Path) -> list[tuple[int, int, list[Any]]]:
    blocks = re.findall(
        r"^```python\n(.*?)^```$", (DOCS / "journal-format.md").read_text(), flags=re.M | re.S
    )
    scope: dict[str, Any] = {}
    exec(blocks[0], scope)
    return [
        (commit["lsn"], commit["count"], events) for commit, events in scope["batches"](folder / "journal")
    ]


def write_journal(folder: Path, *batches: bytes) -> Path:
    """A journal with one commit for each of `batches`; the path of its segment."""
    journal = Journal(DataFolder(folder))
    journal.recover(lambda located, first_lsn: None)
    for seq, lines in enumerate(batches, 1):
        position = StreamPosition(
            "0b54f5b1-2f6a-4f5e-9d3c-0d3f5ad0a001", seq, seq + 1, crc32(lines), closed=True
        )
        group = journal.begin(1_790_000_000.5)
        journal.append(group, lines, count=lines.count(b"\n"), lines_crc32=crc32(lines), position=position)
        journal.write(group)
        journal.settle(group)
    journal.close()
    return next((folder / "journal").iterdir())


def test_the_receipt_in_the_documentation_is_json():
    example = re.search(r"^```json\n(.*?)^```$", (DOCS / "wire-format.md").read_text(), flags=re.M | re.S)
    assert example is not None
    receipt = json.loads(example[1])
    assert receipt["rejected_count"] == len(receipt["rejected"])

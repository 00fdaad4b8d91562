"""Reads rule files into one `RuleSet`, or says everything that is wrong with them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from logweir_service.errors import RulesError, told_by_system
from logweir_service.listing import listed

from .document import Node, Problems, read_yaml
from .files import read_text
from .labels import check_map, read_labels
from .metrics import Defaults, read_defaults, read_metric
from .model import LabelRule, MetricRule, PromoteRule, RuleSet, RuleSource, ScrubRule, StoreRule
from .names import family
from .promotion import read_promote, read_scrub, read_store
from .section import Section

_KEYS: Final = ("version", "defaults", "maps", "metrics", "promote", "store", "scrub")
_PACK_LABELS: Final = "LOGWEIR_PACK_LABELS"
"""Where whoever set the labels of the packs can mend them."""

_ONLY_BY_NAME: Final = frozenset({"compat"})
"""Packs that ``packs`` leaves out: they count again, under other names, what the others count."""


def load(sources: Sequence[str | Path], *, pack_labels: Sequence[str] | None = None) -> RuleSet:
    """Read sources in order: ``packs`` (all but ``packs/compat``), ``packs/http``, a YAML file, or a folder.

    Tests of rules (``*_test.yaml``) in a folder are left out. ``pack_labels`` takes the place of the labels
    that the packs put on every metric; each is named as the field it comes from. Raises `RulesError` with all
    problems.
    """
    problems = Problems()
    found = (file for source in sources for file in _files(str(source), problems))
    return _read(found, pack_labels, problems)


def load_texts(sources: Sequence[RuleSource], *, pack_labels: Sequence[str] | None = None) -> RuleSet:
    """Make rules of the `sources` and `pack_labels` that a `RuleSet` tells; no file is looked at.

    Raises `RulesError` as `load` does: another version of the service may read fewer rules than the one that
    told them.
    """
    return _read(sources, pack_labels, Problems())


def _read(sources: Iterable[RuleSource], pack_labels: Sequence[str] | None, problems: Problems) -> RuleSet:
    labels = None if pack_labels is None else _pack_labels(pack_labels, problems)
    building = _Building(problems)
    for source in sources:
        building.add(source, labels if source.is_pack else None)
    building.check_families()
    if problems.found:
        raise RulesError(problems.found)
    return building.whole(pack_labels)


class _Building:
    """A rule set that grows file by file."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._metrics: dict[str, MetricRule] = {}
        self._promote: dict[str, PromoteRule] = {}
        self._store: list[StoreRule] = []
        self._scrub: list[ScrubRule] = []
        self._not_applied: set[str] = set()
        self._places: dict[tuple[str, str], Node] = {}
        self._sources: list[RuleSource] = []

    def whole(self, pack_labels: Sequence[str] | None) -> RuleSet:
        return RuleSet(
            metrics=tuple(self._metrics.values()),
            promote=tuple(self._promote.values()),
            store=tuple(self._store),
            scrub=tuple(self._scrub),
            not_applied=tuple(sorted(self._not_applied)),
            sources=tuple(self._sources),
            pack_labels=None if pack_labels is None else tuple(pack_labels),
        )

    def add(self, source: RuleSource, default_labels: tuple[LabelRule, ...] | None) -> None:
        self._sources.append(source)
        root = read_yaml(source.name, source.text, self._problems)
        if root is None:
            return
        section = Section(root, self._problems, what="a rule file", keys=_KEYS)
        version = section.entry("version").value
        if version is True or version != 1:
            section.problem("version", "'version: 1' is missing")
        maps = section.pairs("maps")
        for node in maps.values():
            check_map(node, self._problems)
        defaults = Defaults()
        if section.has("defaults"):
            defaults = read_defaults(section.entry("defaults"), maps, self._problems)
        if default_labels is not None:
            defaults = replace(defaults, labels=default_labels)
        for node in section.items("metrics"):
            metric = read_metric(node, defaults, maps, self._problems)
            if metric is not None:
                self._place("metric", metric[0].name, node, replace=metric[1])
                self._metrics[metric[0].name] = metric[0]
        for node in section.items("promote"):
            promote = read_promote(node, self._problems)
            if promote is not None:
                self._place("promote rule", promote[0].name, node, replace=promote[1])
                self._promote[promote[0].name] = promote[0]
            if isinstance(node.value, dict):
                self._not_applied |= node.value.keys() & {"rate_limit"}
        self._store += [read_store(node, self._problems) for node in section.items("store")]
        if section.has("scrub"):
            self._scrub.append(read_scrub(section.entry("scrub"), self._problems))

    def check_families(self) -> None:
        """OpenMetrics names a counter's family without ``_total``; no other metric may have that name.

        Nor may a family be named as the samples that say when the series of another began (``_created``).
        """
        families: dict[str, str] = {}
        for rule in self._metrics.values():
            name = family(rule.name, rule.type)
            if name in families:
                self._clash(rule.name, families[name])
            families[name] = rule.name
        for name, metric in families.items():
            other = families.get(name.removesuffix("_created"), metric)
            if other != metric and self._metrics[other].type != "gauge":
                self._clash(metric, other)

    def _clash(self, name: str, other: str) -> None:
        node = self._places["metric", name]
        self._problems.add(node, f"'{name}' and '{other}' are one name to OpenMetrics")

    def _place(self, what: str, name: str, node: Node, *, replace: bool) -> None:
        earlier = self._places.get((what, name))
        if earlier is not None and not replace:
            self._problems.add(
                node, f"the {what} '{name}' stands at {earlier.place} already; say 'replace: true'"
            )
        if earlier is None and replace:
            known = [other for kind, other in self._places if kind == what]
            self._problems.add(node, f"there is no {what} '{name}' to replace", word=name, known=known)
        self._places[what, name] = node


def _pack_labels(names: Sequence[str], problems: Problems) -> tuple[LabelRule, ...]:
    nodes = {name: Node(_PACK_LABELS, 0, name, name) for name in names}
    return read_labels(nodes, {}, problems)


def _files(source: str, problems: Problems) -> Iterator[RuleSource]:
    """Each file that a source means."""
    packs = {file.name.removesuffix(".yaml"): file for file in _shipped()}
    if source == "packs":
        yield from (_pack(name, pack) for name, pack in packs.items() if name not in _ONLY_BY_NAME)
    elif source.startswith("packs/") and not os.path.lexists(source):
        name = source.removeprefix("packs/").removesuffix(".yaml")
        if name in packs:
            yield _pack(name, packs[name])
        else:
            problems.add(Node(source, 0, None), f"there is no pack '{name}'", word=name, known=packs)
    else:
        for file in _own_files(Path(source), problems):
            text = read_text(file, problems)
            if text is not None:
                yield RuleSource(name=str(file), text=text, is_pack=False)


def _pack(name: str, file: Traversable) -> RuleSource:
    return RuleSource(name=f"packs/{name}.yaml", text=file.read_text("utf-8"), is_pack=True)


def _shipped() -> list[Traversable]:
    folder = resources.files("logweir_service") / "packs"
    return sorted(
        (file for file in folder.iterdir() if file.name.endswith(".yaml")), key=lambda file: file.name
    )


def _own_files(path: Path, problems: Problems) -> list[Path]:
    """The file, or the rule files of a folder; a path that cannot be one is left to who reads it."""
    try:
        if not path.is_dir():
            return [path]
        files = sorted(file for file in listed(path, "*.yaml") if not file.name.endswith("_test.yaml"))
    except (OSError, ValueError) as error:
        problems.add(Node(str(path), 0, None), f"cannot be read: {told_by_system(error) or error}")
        return []
    if not files:
        problems.add(Node(str(path), 0, None), "is a folder without rule files (*.yaml)")
    return files

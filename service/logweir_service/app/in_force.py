"""What is made of rule files: everything that changes where they do."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from logweir_service.derive import Derivation
from logweir_service.pipeline import Counting
from logweir_service.promote import Selection
from logweir_service.rules import RuleSet, load
from logweir_service.scrub import Scrubber
from logweir_service.settings import Settings


@dataclass(frozen=True, slots=True)
class InForce:
    """A set of rules, and what each stage needs of it."""

    rules: RuleSet
    counting: Counting
    selection: Selection
    scrubber: Scrubber


def read_rules(settings: Settings) -> InForce:
    """Read the rules that the settings name, as they are on the disk now.

    Raises:
        RulesError: with all that is wrong with them.
    """
    rules = load(settings.rule_sources, pack_labels=settings.pack_label_names)
    selection = Selection(rules.promote)
    return InForce(
        rules=rules,
        counting=Counting(partial(Derivation, metric_prefix=settings.metric_prefix), selection.fields),
        selection=selection,
        scrubber=Scrubber(
            keys=[key for rule in rules.scrub for key in rule.keys],
            patterns=[pattern for rule in rules.scrub for pattern in rule.patterns],
        ),
    )

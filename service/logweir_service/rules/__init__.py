"""The rule language: YAML in, a checked and frozen `RuleSet` out."""

from .excerpt import Excerpt, excerpts
from .expression import FAULTS, BadExpression, Predicate, compile_predicate
from .load import load, load_texts
from .model import (
    BreadcrumbsRule,
    DistinctRule,
    LabelRule,
    MetricRule,
    PairRule,
    PromoteRule,
    RateLimit,
    RuleSet,
    RuleSource,
    ScrubRule,
    StoreRule,
    ValueRule,
)
from .worst_case import WorstCase

__all__ = [
    "FAULTS",
    "BadExpression",
    "BreadcrumbsRule",
    "DistinctRule",
    "Excerpt",
    "LabelRule",
    "MetricRule",
    "PairRule",
    "Predicate",
    "PromoteRule",
    "RateLimit",
    "RuleSet",
    "RuleSource",
    "ScrubRule",
    "StoreRule",
    "ValueRule",
    "WorstCase",
    "compile_predicate",
    "excerpts",
    "load",
    "load_texts",
]

"""Reads the rules under ``promote``, ``store`` and ``scrub``."""

from __future__ import annotations

import math
import re
from typing import Final

from logweir.fields import LEVELS, RESERVED

from .document import Node, Problems
from .expression import Predicate, compile_predicate
from .metrics import read_condition, read_events
from .model import SCRUB_PATTERNS, BreadcrumbsRule, PromoteRule, RateLimit, ScrubRule, StoreRule
from .names import field_name_problems
from .section import DURATION, Section

STANDARD_WHEN: Final = 'level in ("error", "critical")'
STANDARD_UNLESS: Final = 'http_response_status_code == 404 or http_route in ("/health", "/ready", "/metrics")'

_SCRUB_KEY: Final = re.compile(r"[A-Za-z0-9]+(?:[_.-][A-Za-z0-9]+)*")

_MAX_WITHIN_SECONDS: Final = 7 * 86_400.0
_MAX_GRACE_SECONDS: Final = 600.0

_KEYS: Final = (
    *("name", "when", "unless", "fingerprint", "force_fingerprint", "user", "tags"),
    *("breadcrumbs", "rate_limit", "sample_rate", "replace"),
)


def read_promote(node: Node, problems: Problems) -> tuple[PromoteRule, bool] | None:
    """Read one rule, and whether it replaces an earlier one; what it leaves out is as the standard has it."""
    section = Section(node, problems, what="a promote rule", keys=_KEYS)
    name = section.required("name")
    standard = PromoteRule(name=name, when=compile_predicate(STANDARD_WHEN), unless=None)
    rule = PromoteRule(
        name=name,
        when=_condition(section, "when", STANDARD_WHEN),
        unless=_condition(section, "unless", STANDARD_UNLESS),
        fingerprint=_fields(section, "fingerprint", standard.fingerprint),
        force_fingerprint=section.flag("force_fingerprint"),
        user=_user(section, standard.user),
        tags=_fields(section, "tags", standard.tags),
        breadcrumbs=_breadcrumbs(section),
        rate_limit=_rate_limit(section),
        sample_rate=section.number("sample_rate", 1.0, least=0.0, most=1.0),
    )
    return (rule, section.flag("replace")) if name else None


def read_store(node: Node, problems: Problems) -> StoreRule:
    """Read one rule of what is kept."""
    section = Section(node, problems, what="a store rule", keys=("event", "level", "keep"))
    levels = section.texts("level")
    for level in levels:
        if level not in LEVELS:
            section.problem("level", f"'{level}' is no level", word=level, known=LEVELS)
    keep, seconds = _kept(section)
    return StoreRule(events=read_events(section), levels=levels, keep=keep, keep_seconds=seconds)


def read_scrub(node: Node, problems: Problems) -> ScrubRule:
    """Read what is taken out of events."""
    section = Section(node, problems, what="scrub", keys=("keys", "patterns"))
    keys, patterns = section.texts("keys"), section.texts("patterns")
    for key in keys:
        if not _SCRUB_KEY.fullmatch(key):
            section.problem("keys", f"'{key}' is no key: words of A-Z, a-z, 0-9 with '_', '-' or '.' between")
        elif key in RESERVED:
            section.problem("keys", f"'{key}' is a field of Logweir's own, and never redacted by its key")
    for pattern in patterns:
        if pattern not in SCRUB_PATTERNS:
            text = f"'{pattern}' is no pattern; there are {', '.join(SCRUB_PATTERNS)}"
            section.problem("patterns", text, word=pattern, known=SCRUB_PATTERNS)
    return ScrubRule(keys=keys, patterns=patterns)


def _kept(section: Section) -> tuple[float, float]:
    """The share of stories kept, and for how many seconds."""
    if not section.has("keep"):
        return 1.0, math.inf
    entry = section.entry("keep")
    if entry.text in ("never", "always"):
        return float(entry.text == "always"), math.inf
    if DURATION.fullmatch(entry.text):
        return 1.0, section.seconds("keep", math.inf)
    if isinstance(entry.value, str):
        section.problem("keep", "'keep' must be always, never, a share from 0 to 1, or a duration such as 7d")
        return 1.0, math.inf
    return section.number("keep", 1.0, least=0.0, most=1.0), math.inf


def _condition(section: Section, key: str, standard: str) -> Predicate:
    return read_condition(section, key) or compile_predicate(standard)


def _fields(section: Section, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
    fields = section.texts(key, default)
    for field in fields:
        for problem in field_name_problems(field):
            section.problem(key, f"'{field}' {problem}")
    return fields


def _user(section: Section, default: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    if not section.has("user"):
        return default
    keys = ("id", "username", "email", "ip_address")
    inner = Section(section.entry("user"), section.problems, what="user", keys=keys)
    return tuple((key, field) for key in keys if inner.has(key) for field in _fields(inner, key, ())[:1])


def _breadcrumbs(section: Section) -> BreadcrumbsRule:
    if not section.has("breadcrumbs"):
        return BreadcrumbsRule()
    keys = ("by", "last", "within", "grace")
    inner = Section(section.entry("breadcrumbs"), section.problems, what="breadcrumbs", keys=keys)
    if inner.text("by", "correlation_id") != "correlation_id":
        inner.problem("by", "'by' other than correlation_id is not supported yet")
    within, grace = inner.seconds("within", 600.0), inner.seconds("grace", 2.0)
    if within > _MAX_WITHIN_SECONDS:
        inner.problem("within", "'within' must be at most 7d")
    if grace > _MAX_GRACE_SECONDS:
        inner.problem("grace", "'grace' must be at most 10m: an error waits so long, and all behind it")
    last = inner.whole("last", 50, least=0, most=1000)
    return BreadcrumbsRule(last=last, within_seconds=within, grace_seconds=grace)


def _rate_limit(section: Section) -> RateLimit:
    if not section.has("rate_limit"):
        return RateLimit()
    keys = ("burst", "per_minute")
    inner = Section(section.entry("rate_limit"), section.problems, what="rate_limit", keys=keys)
    return RateLimit(
        burst=inner.whole("burst", 10, least=1, most=10_000),
        per_minute=inner.number("per_minute", 2.0, least=0.0, most=60_000.0),
    )

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from logweir_service.event import event_type
from logweir_service.promote import Selection, verdicts
from logweir_service.rules import PromoteRule, compile_predicate


def rule(name: str, when: str, unless: str | None = None, **more: Any) -> PromoteRule:
    return PromoteRule(
        name=name,
        when=compile_predicate(when),
        unless=compile_predicate(unless) if unless else None,
        **more,
    )


RULES = [
    rule("loud", 'level == "critical"'),
    rule("errors", 'level in ("error", "critical")', "status == 404", sample_rate=0.25),
    rule("large", "total > 5"),
]


def told(raw: dict[str, Any], rules: list[PromoteRule] = RULES) -> list[tuple[str, bool, str]]:
    always = {"event": "a.b", "service": "shop", "level": "info", "timestamp": "2026-09-21T14:13:20Z"}
    event = msgspec.convert(always | raw, event_type(Selection(rules).fields), strict=False)
    found = verdicts(rules, event)
    by_selection = Selection(rules).rule_of(event)
    assert [each.rule for each in found if each.taken] == ([by_selection.name] if by_selection else [])
    return [(each.rule, each.taken, each.why) for each in found]


def test_every_rule_says_why_it_does_not_promote():
    assert told({"total": "x"}) == [
        ("loud", False, '`level == "critical"` is false'),
        ("errors", False, '`level in ("error", "critical")` is false'),
        ("large", False, "`total > 5` fails"),
    ]
    assert told({"level": "error", "status": 404})[1] == (
        "errors",
        False,
        "unless `status == 404`, which is true",
    )


def test_first_rule_that_takes_it_counts_and_says_how_many_are_sampled():
    assert told({"level": "error", "total": 6}) == [
        ("loud", False, '`level == "critical"` is false'),
        ("errors", True, '`level in ("error", "critical")` is true, 25% of them'),
        ("large", False, "'errors' comes first"),
    ]


def test_values_that_decided_are_told():
    event = msgspec.convert(
        {"event": "a", "service": "s", "level": "error", "timestamp": "2026-09-21T14:13:20Z", "status": 404},
        event_type(Selection(RULES).fields),
    )
    assert [each.fields for each in verdicts(RULES, event)] == [
        {"level": "error"},
        {"status": 404},
        {"total": None},
    ]


@pytest.mark.parametrize(("promote", "why"), [(True, "promote: true"), (False, "promote: false")])
def test_event_has_the_last_word(promote, why):
    found = told({"promote": promote, "level": "error"} if not promote else {"promote": promote})
    assert why in found[0][2]
    assert found[0][1] is promote


def test_event_that_asks_for_it_is_promoted_where_there_are_no_rules():
    assert told({"promote": True}, []) == [("promote", True, "the event says `promote: true`")]
    assert told({}, []) == []

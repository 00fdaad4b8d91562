from __future__ import annotations

import pytest

from .written import event, failures

ERROR = (
    "{at: 1s, event: failed, service: pay, level: error, correlation_id: c, "
    "error_type: T, tags: {plan: gold}}"
)
STORY = f"[{event(more='correlation_id: c, user_id: u')}, {ERROR}]"


@pytest.mark.parametrize(
    "asked",
    [
        "{event: failed, rule: errors, fingerprint: [failed, T], user_id: u, breadcrumbs: [a]}",
        "{}",
        "{tags: {plan: gold, service: pay}}",
    ],
)
def test_promotions_are_compared_by_what_is_asked(tmp_path, asked):
    assert failures(tmp_path, STORY, f"[{{at: 3s, promoted: [{asked}]}}]") == []


def test_promotion_waits_for_the_grace_time(tmp_path):
    assert failures(tmp_path, STORY, "[{at: 2999ms, promoted: []}]") == []
    assert failures(tmp_path, STORY, "[{at: 3s, promoted: []}]") == [
        (
            "promoted at 3s",
            ["+ {event: failed, rule: errors, fingerprint: [failed, T], user_id: u, breadcrumbs: [a]}"],
        )
    ]


def test_a_promotion_that_is_other_or_missing_is_told(tmp_path):
    expect = "[{at: 3s, promoted: [{user_id: v, tags: {plan: free, x: y}}, {event: more}]}]"
    assert failures(tmp_path, STORY, expect) == [
        (
            "promoted at 3s",
            [
                "- {user_id: v, tags: {plan: free, x: y}}",
                "+ {user_id: u, tags: {plan: gold}}",
                "- {event: more}",
            ],
        )
    ]


def test_nobody_and_nothing_can_be_expected(tmp_path):
    inputs = (
        "[{at: 0s, event: failed, service: pay, level: error, exception: [{type: T, frames: [{lineno: 1}]}]}]"
    )
    asked = "{user_id: null, breadcrumbs: [], fingerprint: []}"
    assert failures(tmp_path, inputs, f"[{{at: 2s, promoted: [{asked}]}}]") == []
    assert failures(tmp_path, STORY, f"[{{at: 3s, promoted: [{asked}]}}]") == [
        (
            "promoted at 3s",
            [
                "- {fingerprint: [], user_id: null, breadcrumbs: []}",
                "+ {fingerprint: [failed, T], user_id: u, breadcrumbs: [a]}",
            ],
        )
    ]


def test_one_error_that_is_told_twice_is_promoted_once(tmp_path):
    inputs = f"[{ERROR[:-1]}, error_id: e, repeat: 2}}]"
    assert failures(tmp_path, inputs, "[{at: 3s, promoted: [{event: failed}]}]") == []


def test_a_storm_that_nobody_expected_is_counted(tmp_path):
    inputs = f"[{ERROR[:-1]}, repeat: 2000}}]"
    ((_, lines),) = failures(tmp_path, inputs, "[{at: 3s, promoted: [{event: failed}]}]")
    assert (len(lines), lines[-1]) == (21, "+ and 1979 more")
    assert lines[0].startswith(
        "+ {event: failed, rule: errors, fingerprint: [failed, T], user_id: null, bread"
    )

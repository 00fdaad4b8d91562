from __future__ import annotations

import json

import pytest

from logweir_service.promote import dry_run, envelope_text

from .parts import event, promote_rule


def lines(*events) -> list[bytes]:
    return [json.dumps(each).encode() + b"\n" for each in events]


def test_a_file_of_events_shows_its_errors_with_their_stories():
    told = lines(
        event("cart.loaded", at=1, level="info", correlation_id="c", user_id="u1"),
        event("elsewhere", at=2, level="info", correlation_id="d"),
        event("failed", at=3, correlation_id="c"),
        event("charged", at=2, level="info", service="payments", correlation_id="c"),
        event("lonely", at=4, correlation_id=None),
    )

    failed, lonely = dry_run([*told, b"\n"], [promote_rule()])

    assert [crumb["category"] for crumb in failed["breadcrumbs"]["values"]] == [
        "shop.cart.loaded",
        "payments.charged",
    ]
    assert failed["user"] == {"id": "u1"}
    assert lonely["breadcrumbs"] == {"values": []}
    assert failed["event_id"] != lonely["event_id"]


@pytest.mark.parametrize(
    "line", [b"not json", b"[]", b'{"event":"x"}', b'"\xff"', b"[" * 100_000 + b"]" * 100_000]
)
def test_a_line_that_is_no_event_is_named(line):
    with pytest.raises(ValueError, match="line 2 is no event"):
        list(dry_run([*lines(event()), line], [promote_rule()]))


def test_one_error_that_two_events_tell_of_is_shown_once():
    told = lines(*(event(at=at, correlation_id="c", error_id="e") for at in (1, 2)))

    assert len(list(dry_run(told, [promote_rule()]))) == 1


def test_the_text_is_json_for_people():
    [built] = dry_run(lines(event()), [promote_rule()])

    assert json.loads(envelope_text(built)) == built
    assert '\n  "platform": "python"' in envelope_text(built)

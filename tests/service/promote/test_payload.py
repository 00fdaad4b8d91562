from __future__ import annotations

import json
from typing import Any

import pytest

from logweir_service.event import StoredEvent, identity
from logweir_service.promote import Defaults, sentry_event
from logweir_service.promote.payload import fingerprint
from logweir_service.rules import BreadcrumbsRule

from .parts import JOURNAL, NOON, event, promote_rule, stored

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def build(error: StoredEvent, *story: StoredEvent, rule=None, defaults=None):
    return sentry_event(
        error,
        journal=JOURNAL,
        story=story,
        rule=rule or promote_rule(),
        defaults=defaults or Defaults(),
    )


def told(name: str, *, at: float, lsn: int, received: float | None = None, **fields: Any) -> StoredEvent:
    """An event of the story, received when it happened unless said otherwise."""
    fields.setdefault("level", "info")
    fields.setdefault("correlation_id", TRACE)
    return stored(event(name, at=at, **fields), lsn=lsn, received=at if received is None else received)


def messages(built) -> list[str]:
    return [crumb["message"] for crumb in built["breadcrumbs"]["values"]]


def test_the_event_says_where_it_comes_from():
    error = stored(
        event(
            at=1.5,
            level="critical",
            logger="shop.pay",
            service_version="2.3.1",
            environment="staging",
            server_name="shop-7",
            message="card 12 refused",
            message_template="card %s refused",
        ),
        lsn=7,
        index=3,
    )

    built = build(error, defaults=Defaults(environment="production", release="0"))

    assert built["event_id"] == identity(JOURNAL, 7, 3).hex
    assert built["timestamp"] == NOON + 1.5
    assert (built["platform"], built["level"], built["logger"]) == ("python", "fatal", "shop.pay")
    assert (built["release"], built["environment"], built["server_name"]) == ("2.3.1", "staging", "shop-7")
    assert built["logentry"] == {"formatted": "card 12 refused", "message": "card %s refused"}
    assert built["sdk"]["name"] == "logweir"


def test_settings_fill_in_what_the_event_does_not_say():
    built = build(stored(event()), defaults=Defaults(environment="production", release="9"))

    assert (built["environment"], built["release"]) == ("production", "9")
    assert "server_name" not in built


def test_tags_are_short_texts_and_the_events_own_win():
    built = build(
        stored(
            event(
                correlation_id=TRACE,
                http_route="/x",
                environment="staging",
                tags={"tenant": "a\nb", "service": "mine", "odd key!" * 5: 1, "on": True, "no": {"x": 1}},
                message="x" * 500,
            )
        ),
        rule=promote_rule(tags=("http_route", "message", "absent")),
    )

    assert built["tags"] == {
        "event": "payment.failed",
        "service": "mine",
        "environment": "staging",
        "correlation_id": TRACE,
        "http_route": "/x",
        "message": "x" * 200,
        "tenant": "a b",
        "odd_key_odd_key_odd_key_odd_key_": "1",
        "on": "true",
    }


def test_attributes_stay_whole_in_a_context_and_private_ones_stay_behind():
    built = build(
        stored(
            event(
                order={"lines": [1, 2, {"sku": "a"}]},
                type="os",
                client_address="192.0.2.1",
                http_response_status_code=502,
                trace_id=TRACE,
                span_id="00f067aa0ba902b7",
                absent=None,
            )
        )
    )

    assert built["contexts"] == {
        "log": {"order": {"lines": [1, 2, {"sku": "a"}]}, "type_": "os"},
        "trace": {"type": "trace", "trace_id": TRACE, "span_id": "00f067aa0ba902b7"},
        "response": {"type": "response", "status_code": 502},
    }
    assert "192.0.2.1" not in json.dumps(built)


def test_with_a_stack_trace_the_server_groups_else_the_fingerprint_does():
    chain = [{"type": "Timeout", "value": "1 s", "frames": []}]

    plain = build(stored(event(error_type="Timeout")))
    traced = build(stored(event(error_type="Timeout", exception=chain)))
    forced = build(
        stored(event(error_type="Timeout", exception=chain)), rule=promote_rule(force_fingerprint=True)
    )

    assert plain["fingerprint"] == ["payment.failed", "Timeout"]
    assert "exception" not in plain
    assert traced["exception"]["values"][0]["type"] == "Timeout"
    assert "fingerprint" not in traced
    assert forced["fingerprint"] == ["payment.failed", "Timeout"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"event": "pay"}, ["pay"]),
        ({"event": "pay", "error_type": "Timeout"}, ["pay", "Timeout"]),
        ({"event": "log.record", "message": "order 17 of 3 lost"}, ["log.record", "order # of # lost"]),
        (
            {"event": "log.record", "message": "order 17 lost", "message_template": "order %d lost"},
            ["log.record", "order %d lost"],
        ),
    ],
)
def test_a_plain_message_is_grouped_by_what_does_not_change_in_it(fields, expected):
    assert fingerprint(fields, ("event", "error_type")) == expected


def test_breadcrumbs_of_every_service_lead_to_the_error():
    error = told("payment.failed", at=10, lsn=5, level="error")
    built = build(
        error,
        told("cart.loaded", at=2, lsn=1, message="cart 7 loaded", items=3),
        error,
        told(
            "db.query",
            at=4,
            lsn=3,
            service="payments",
            db_operation_name="SELECT",
            db_collection_name="cards",
        ),
        told("http.request", at=3, lsn=4, http_request_method="GET", http_route="/cart"),
    )

    assert built["breadcrumbs"]["values"] == [
        {
            "timestamp": NOON + 2,
            "level": "info",
            "category": "shop.cart.loaded",
            "message": "cart 7 loaded",
            "type": "default",
            "data": {"items": 3},
        },
        {
            "timestamp": NOON + 3,
            "level": "info",
            "category": "shop.http.request",
            "message": "http.request GET /cart",
            "type": "http",
            "data": {"http_request_method": "GET", "http_route": "/cart"},
        },
        {
            "timestamp": NOON + 4,
            "level": "info",
            "category": "payments.db.query",
            "message": "db.query SELECT cards",
            "type": "query",
            "data": {"db_operation_name": "SELECT", "db_collection_name": "cards"},
        },
    ]


def test_only_the_last_breadcrumbs_within_the_window_are_told():
    error = told("failed", at=100, lsn=50, level="error")
    story = [told(f"e{number}", at=number, lsn=number) for number in range(1, 50)]
    rule = promote_rule(breadcrumbs=BreadcrumbsRule(last=3, within_seconds=70))

    assert messages(build(error, *story, rule=rule)) == ["e47", "e48", "e49"]
    assert (
        len(messages(build(error, *story, rule=promote_rule(breadcrumbs=BreadcrumbsRule(within_seconds=70)))))
        == 20
    )
    assert "breadcrumbs" in build(error, *story, rule=promote_rule(breadcrumbs=BreadcrumbsRule(last=0)))


def test_what_comes_after_the_grace_time_does_not_change_the_event():
    error = told("failed", at=10, lsn=2, level="error")
    early = told("in.time", at=9, lsn=3, received=12, service="payments")
    late = told("too.late", at=9.5, lsn=4, received=12.01, user_id="u9")
    after = told("happened.after", at=10.5, lsn=5, received=11)

    assert build(error, early, late, after) == build(error, early)
    assert messages(build(error, early, late, after)) == ["in.time"]


def test_long_values_in_breadcrumbs_are_cut():
    error = told("failed", at=1, lsn=2, level="error")

    [crumb] = build(error, told("big", at=0, lsn=1, message="m" * 9999, blob=["x" * 9999]))["breadcrumbs"][
        "values"
    ]

    assert len(crumb["message"]) == 500
    assert len(crumb["data"]["blob"]) == 500


def test_fields_of_an_odd_type_are_told_as_text_or_left_out():
    odd: dict[str, Any] = {
        "message": 7,
        "logger": {"a": 1},
        "environment": ["x"],
        "server_name": 3,
        "service_version": True,
    }

    built = build(told("failed", at=1, lsn=2, level="error", **odd), told("odd", at=0, lsn=1, **odd))

    assert messages(built) == ["7"]
    assert (built["logger"], built["logentry"]["formatted"]) == ("shop", "7")
    assert not {"environment", "server_name", "release"} & built.keys()


def test_the_user_is_the_events_own_or_the_newest_told_before():
    own = told("failed", at=10, lsn=9, level="error", user_id=7)
    anonymous = told("failed", at=10, lsn=9, level="error")
    story = [
        told("login", at=1, lsn=1, user_id="u1"),
        told("switched", at=2, lsn=2, user_id="u2", service="payments"),
        told("later", at=11, lsn=3, user_id="u3"),
    ]

    assert build(own, *story)["user"] == {"id": "7"}
    assert build(anonymous, *story)["user"] == {"id": "u2"}
    assert "user" not in build(anonymous)


def test_the_request_is_the_one_in_which_the_error_happened():
    def request(route: str) -> dict[str, Any]:
        return {"http_request_method": "POST", "http_route": route}

    own = told("failed", at=10, lsn=9, level="error", **request("/own"))
    bare = told("failed", at=10, lsn=9, level="error")
    elsewhere = told("http.request", at=9, lsn=1, service="payments", **request("/charge"))
    begun = told("http.begun", at=5, lsn=2, **request("/checkout"))
    ended = told("http.request", at=10.2, lsn=3, received=10.3, **request("/checkout/{id}"))

    assert build(own, elsewhere, begun)["transaction"] == "POST /own"
    assert build(bare, elsewhere, begun, ended)["transaction"] == "POST /checkout"
    assert build(bare, elsewhere, ended)["transaction"] == "POST /checkout/{id}"
    assert build(bare, elsewhere)["transaction"] == "POST /charge"
    assert build(bare, elsewhere)["transaction_info"] == {"source": "route"}
    assert "request" not in build(bare)


def test_a_story_with_an_unreadable_line_is_told_without_it():
    error = told("failed", at=1, lsn=2, level="error")

    assert messages(
        build(error, StoredEvent(1, 0, NOON, b"\x00"), told("ok", at=0, lsn=1, received=0.5))
    ) == ["ok"]

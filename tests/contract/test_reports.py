"""What an application reports by hand stands in the service's metrics and in what Sentry gets."""

from __future__ import annotations

import logweir
from logweir.testing import CapturingSink
from tests.contract.service_in_small import ServiceInSmall


def test_a_captured_exception_counts_once_and_brings_user_tags_and_breadcrumbs(sink: CapturingSink) -> None:
    logweir.set_user(48213)
    logweir.set_tag("shard", 3)
    with logweir.event("job.run"):
        logweir.add_breadcrumb("cart loaded", category="cart", items=2)
        logweir.add_breadcrumb("checkout")
        logweir.emit("cart.priced", category="food")
        try:
            raise ValueError("no")
        except ValueError as error:
            logweir.capture_exception(component="billing")
            logweir.capture_exception(error, component="billing")
    service = ServiceInSmall(sink.lines)
    shown = service.metrics()
    assert shown["errors_total{component=billing,error_type=ValueError}"] == 1
    assert shown["active_users{window=1h}"] == 1
    (sent,) = service.sentry_events()
    assert (sent["level"], sent["user"]) == ("error", {"id": "48213"})
    assert sent["tags"]["shard"] == "3"
    (exception,) = sent["exception"]["values"]
    assert (exception["type"], exception["value"]) == ("ValueError", "no")
    assert exception["mechanism"]["handled"] is True
    crumbs = sent["breadcrumbs"]["values"]
    assert [(crumb["category"], crumb["message"]) for crumb in crumbs] == [
        ("shop.cart", "cart loaded"),
        ("shop.breadcrumb", "checkout"),
        ("shop.cart.priced", "cart.priced"),
    ]
    assert crumbs[0]["data"]["items"] == 2


def test_a_captured_message_reaches_sentry_below_error_and_groups_by_its_words(sink: CapturingSink) -> None:
    logweir.set_tag("shard", 3)
    logweir.capture_message("17 carts were abandoned")
    logweir.capture_message("18 carts were abandoned")
    logweir.capture_message("a queue is long", "warning")
    service = ServiceInSmall(sink.lines)
    first, second, other = service.sentry_events()
    assert first["logentry"]["formatted"] == "17 carts were abandoned"
    assert (first["level"], first["tags"]["shard"], other["level"]) == ("info", "3", "warning")
    assert first["fingerprint"] == second["fingerprint"] != other["fingerprint"]
    assert not [name for name in service.metrics() if name.startswith("errors_total")]


def test_a_breadcrumb_alone_promotes_nothing(sink: CapturingSink) -> None:
    logweir.add_breadcrumb("all is lost", level="fatal")
    assert ServiceInSmall(sink.lines).sentry_events() == []


def test_personal_data_reach_sentry_only_by_rule(sink: CapturingSink) -> None:
    logweir.set_user("48213", email="a@example.org", personal=True)
    logweir.capture_message("hello")
    (sent,) = ServiceInSmall(sink.lines).sentry_events()
    assert sent["user"] == {"id": "48213"}

import asyncio

import pytest

from logweir_service.app import compose
from logweir_service.errors import StorageBroken
from logweir_service.settings import read_settings
from logweir_service.status.live import status_of_service


@pytest.fixture
def service(tmp_path):
    composed = compose(read_settings(data=str(tmp_path)))
    yield composed
    composed.pipeline.close()


def told(service):
    return asyncio.run(
        status_of_service(
            service.pipeline,
            service.promotion,
            sentry=service.sentry,
            why_not_ready=service.why_not_ready(),
        )
    )


def test_a_service_that_reads_its_journal_says_that_it_starts(service):
    status = told(service)
    assert status.state == "starting"
    assert "journal" in status.why
    assert (status.streams, status.losses, status.promotion.sentry) == (None, {}, "off")


def test_a_service_that_is_broken_says_why(service):
    service.pipeline.recover(service.rules)
    assert told(service).state == "ready"
    service.pipeline.broken = StorageBroken("the disk is gone")
    assert (told(service).state, told(service).why) == ("not_ready", "the disk is gone")


def test_every_counter_of_losses_is_told_also_at_zero(service):
    service.pipeline.recover(service.rules)
    losses = told(service).losses
    assert set(losses.values()) == {0.0}
    assert "logweir_events_lost_total" in losses
    assert "logweir_dead_letters_dropped_total" in losses


def test_overflows_are_told_with_the_worst_first_and_the_last_value(service):
    service.pipeline.recover(service.rules)
    derivation = service.pipeline.numbers.derivation
    for metric, route in (("a_total", "/1"), ("b_total", "/2"), ("b_total", "/3")):
        derivation._tally.overflow(metric, "route", "shop", sample=route)
    worst = told(service).overflows
    assert [(each.metric, each.events, each.sample) for each in worst] == [
        ("b_total", 2, "/3"),
        ("a_total", 1, "/1"),
    ]

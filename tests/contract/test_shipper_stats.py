"""What the shipper reports of itself each minute is an event like any other."""

from __future__ import annotations

import logweir
from logweir import process
from logweir.testing import CapturingSink
from tests.contract.service_in_small import ServiceInSmall


def test_the_report_of_each_minute_is_taken_and_counted(sink: CapturingSink) -> None:
    logweir.emit("a.b")
    process.emitter()._report()
    assert sink.events[1]["event"] == "logweir.shipper.stats"
    assert ServiceInSmall(sink.lines).metrics()["log_events_total{level=info}"] == 2

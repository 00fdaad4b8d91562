"""What samplers and checks emit is what the packs measure."""

from __future__ import annotations

import logweir
from logweir import process
from logweir.request import Policy, Request
from logweir.samplers import Load
from logweir.system import System
from logweir.testing import CapturingSink
from logweir_service.rules import load
from tests.contract.service_in_small import ServiceInSmall


def instance() -> str:
    settings = process.emitter().settings
    return f"instance_id={settings.server_name}"


def metrics(sink: CapturingSink, *, zeros: bool = False) -> dict[str, float]:
    """Without the process's number in the label."""
    shown = ServiceInSmall(sink.lines).metrics(zeros=zeros)
    return {
        name.replace(f":{sink.events[0]['service_instance_id'].rpartition(':')[2]}", ""): value
        for name, value in shown.items()
    }


def test_load_is_a_gauge_of_the_instance(sink: CapturingSink) -> None:
    request = Request(Policy.of((), trust_inbound_ids=False, slow_seconds=0), [], path="/", method="GET")
    Load(queue_depth=lambda: 5).sample()
    shown = metrics(sink)
    request.end()
    assert shown[f"http_requests_in_progress{{{instance()}}}"] == 1
    assert shown[f"http_request_queue_depth{{{instance()}}}"] == 5


def test_a_check_is_a_gauge_and_a_latency(sink: CapturingSink) -> None:
    health = logweir.Health()
    health.add("redis", lambda: True)
    health.add("postgres", lambda: False)
    health.sample()
    service = ServiceInSmall(sink.lines)
    latencies = {name: value for name, value in service.metrics().items() if "latency_seconds_count" in name}
    assert latencies == {
        "dependency_latency_seconds_count{dependency=redis}": 1,
        "dependency_latency_seconds_count{dependency=postgres}": 1,
    }
    shown = metrics(sink)
    assert shown[f"dependency_up{{dependency=redis,{instance()}}}"] == 1
    assert not [name for name in shown if name.startswith("errors_total")]


def test_a_dependency_that_fails_is_down(sink: CapturingSink) -> None:
    health = logweir.Health()
    healthy = True
    health.add("postgres", lambda: healthy)
    health.sample()
    healthy = False
    health.sample()
    assert metrics(sink, zeros=True)[f"dependency_up{{dependency=postgres,{instance()}}}"] == 0
    assert metrics(sink)["dependency_latency_seconds_count{dependency=postgres}"] == 2


def test_a_sample_of_the_system_is_all_that_the_pack_measures(sink: CapturingSink) -> None:
    system = System(mounts=("/", "/dev"))
    system.sample()
    sum(range(3_000_000))
    system.sample()
    shown = metrics(sink, zeros=True)
    measured = [metric.name for metric in load(["packs/system"]).metrics]
    assert len(measured) == 10
    missing = {name for name in measured if not any(each.partition("{")[0] == name for each in shown)}
    assert missing == set()
    mounts = {f"system_disk_usage_ratio{{{instance()},mount={mount}}}" for mount in ("/", "/dev")}
    assert mounts <= shown.keys()

"""The catalogue tells every metric that the rules in force can make, why, and how to ask for it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from logweir_service.expose.catalogue import Cataloguer
from logweir_service.rules import load
from tests.service.expose.asking import READ, asked

OWN = """\
version: 1
metrics:
  - name: calls_total
    type: counter
    event: call.*
    help: Calls <b>made</b>.
    labels: {service: service, kind: {from: [call_kind, kind], allow: [in, out]}}
  - name: queue_length
    type: gauge
    event: queue
    set: length
  - name: callers
    type: distinct
    event: call.*
    of: user_id
    windows: [1h, 1d]
  - name: call_seconds
    type: histogram
    event: call.*
    observe: duration_seconds
    buckets: [1, 2]
store:
  - {event: call.noise, keep: never}
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "own.yaml"
    path.write_text(OWN)
    return path


def test_each_metric_is_told_with_its_rule_and_a_query_that_fits_its_type(own):
    rules = load([own])
    found = {each.name: each for each in Cataloguer(prefix="shadow_")(rules, {"calls_total": 3}).metrics}
    assert {name: each.query for name, each in found.items()} == {
        "shadow_calls_total": "sum by (service, kind) (rate(shadow_calls_total[5m]))",
        "shadow_queue_length": "shadow_queue_length",
        "shadow_callers": 'shadow_callers{window="1h"}',
        "shadow_call_seconds": "histogram_quantile(0.95, sum by (le) (rate(shadow_call_seconds_bucket[5m])))",
    }
    calls = found["shadow_calls_total"]
    assert [(each.name, each.made_of) for each in calls.labels] == [
        ("service", "service"),
        ("kind", "call_kind or kind; one of in, out"),
    ]
    assert (calls.series, calls.events, calls.unit) == (3, ("call.*",), "")
    assert found["shadow_call_seconds"].unit == "seconds"
    assert calls.source is not None
    assert (calls.source.file, calls.source.line) == (str(own), 3)
    assert calls.source.yaml.startswith("name: calls_total\ntype: counter")
    assert found["shadow_callers"].labels[-1].made_of == "one of 1h, 1d"


@pytest.mark.needs("promtool")
def test_prometheus_can_read_every_query(tmp_path, own):
    metrics = Cataloguer()(load(["packs", "packs/compat", own]), {}).metrics
    rules = [{"record": f"q{number}", "expr": each.query} for number, each in enumerate(metrics)]
    file = tmp_path / "queries.yaml"
    file.write_text(json.dumps({"groups": [{"name": "all", "rules": rules}]}))
    checked = subprocess.run(
        ["promtool", "check", "rules", file], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr


@pytest.fixture
def service(tmp_path, monkeypatch, own):
    with asked(tmp_path / "data", monkeypatch, LOGWEIR_RULES=f"packs,{own}") as each:
        yield each


def names(answer) -> list[str]:
    return [each["name"] for each in answer.json()["metrics"]]


def test_the_twins_tell_the_same_and_can_be_narrowed_down(service):
    everything = service("/v1/metrics-catalogue", token=READ)
    assert everything.content == service("/metrics-catalogue.json", token=READ).content
    assert everything.json()["count"] == len(names(everything)) > 60
    assert names(service("/v1/metrics-catalogue?q=CALL%20made", token=READ)) == ["calls_total"]
    assert names(service("/v1/metrics-catalogue?q=call.&type=histogram", token=READ))[-1:] == ["call_seconds"]
    assert names(service("/v1/metrics-catalogue?q=there-is-no-such", token=READ)) == []
    assert everything.json()["store"][0]["source"]["yaml"] == "{event: call.noise, keep: never}"
    assert service("/v1/metrics-catalogue?type=odd", token=READ).status_code == 400


def test_the_page_shows_rule_and_query_and_escapes_what_a_rule_says(service):
    page = service("/metrics-catalogue?q=calls_total+made&type=counter", token=READ).text
    assert "1 of 67 metrics" in page
    assert "sum by (service, kind) (rate(calls_total[5m]))" in page
    assert "Calls &lt;b&gt;made&lt;/b&gt;." in page
    assert "<b>made" not in page
    assert "{event: call.noise, keep: never}" in page
    assert "No metric mentions that" in service("/metrics-catalogue?q=zzz", token=READ).text


def test_rules_that_are_loaded_anew_are_told_at_once(service, tmp_path):
    pipeline = service.service.pipeline
    assert "renamed_total" not in names(service("/v1/metrics-catalogue", token=READ))
    other = tmp_path / "other.yaml"
    other.write_text("version: 1\nmetrics:\n  - {name: renamed_total, type: counter, event: a}\n")
    pipeline.numbers = pipeline.counting(load([other]))
    assert names(service("/v1/metrics-catalogue", token=READ)) == ["renamed_total"]

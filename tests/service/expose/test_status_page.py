from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from logweir_service.errors import StorageBroken
from logweir_service.status.trends import Totals
from tests.service.expose.asking import READ, asked


@pytest.fixture
def service(tmp_path, monkeypatch):
    with asked(tmp_path / "data", monkeypatch) as each:
        yield each


def test_the_page_has_its_twin_as_json_under_two_names(service):
    one, other = (service(path, token=READ).json() for path in ("/status.json", "/v1/status"))
    assert one.keys() == other.keys()
    assert one["rules"]["metrics"] > 50
    assert "packs/http.yaml" in one["rules"]["sources"]
    assert one["retention"] == {
        "max_age_days": 30.0,
        "max_bytes": 50_000_000_000,
        "on_full": "reject",
        "held_bytes": 0,
    }


def test_what_is_wrong_comes_first(service):
    assert "Nothing needs attention" in service("/status", token=READ).text
    service.service.pipeline.broken = StorageBroken("<b>00001.ndjson</b> cannot be written")
    page = service("/status", token=READ).text
    assert "1 thing to look at" in page
    assert "&lt;b&gt;00001.ndjson&lt;/b&gt; cannot be written" in page
    assert page.index("thing to look at") < page.index("Services</h2>")


def test_the_page_is_there_while_the_journal_is_read(tmp_path, monkeypatch):
    with asked(tmp_path / "data", monkeypatch, recovered=False) as service:
        answer = service("/status", token=READ)
        assert answer.status_code == 200
        assert "<title>Status: starting" in answer.text
        assert "the journal is being read" in answer.text


def test_services_that_speak_are_shown_with_their_lag(service):
    now = datetime.now(UTC).timestamp()
    lag = service.service.pipeline.lag
    lag.heard({"shop"}, lag=7200.0, received=now)
    lag.heard({"web"}, lag=0.25, received=now)
    told = {each["service"]: each for each in service("/status.json", token=READ).json()["speakers"]}
    assert {name: (each["lag_seconds"], each["catching_up"]) for name, each in told.items()} == {
        "shop": (7200.0, True),
        "web": (0.25, False),
    }
    page = service("/status", token=READ).text
    assert page.count("catching up") == 1
    assert "2\N{NARROW NO-BREAK SPACE}h" in page


def test_the_last_hour_is_plotted_and_told(service):
    for step in range(3):
        totals = Totals(1_790_000_000 + 10 * step, 10.0 * step, events=100.0 * step)
        service.service.hour.take(totals)
    page = service("/status", token=READ).text
    assert 'aria-label="Events per second, the last hour: now 10, at most 10 at ' in page
    assert page.count("<figure") == 5
    assert "style=" not in page
    trends = json.loads(service("/status.json", token=READ).content)["trends"]
    assert trends["events"][-2:] == [10.0, 10.0]


def test_culprits_of_overflows_are_named_and_escaped(service):
    tally = service.service.pipeline.numbers.derivation._tally
    tally.overflow("http_requests_total", "endpoint", "shop", sample="/<script>\u202e")
    page = service("/status", token=READ).text
    assert "/&lt;script&gt;\\u202e" in page
    assert "Beyond a budget" in page

"""A correlation id and a query with a million hits: bounded pages, nothing lost between them."""

import subprocess
import sys

import pytest

from tests.end_to_end.live import LiveService

HITS = 1_000_000
PER_BODY = 10_000
LINE = b'{"timestamp":"2026-09-21T14:13:00Z","event":"a","service":"s","level":"info","correlation_id":"hot","n":%d}\n'  # noqa: E501


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    rules = tmp_path_factory.mktemp("rules") / "none.yaml"
    rules.write_text("version: 1\nmetrics: []\n")
    with LiveService(tmp_path_factory.mktemp("million") / "data", "--rules", str(rules)) as service:
        for first in range(0, HITS, PER_BODY):
            body = b"".join(LINE % number for number in range(first, first + PER_BODY))
            assert service.post(body).json()["accepted"] == PER_BODY
        yield service


@pytest.mark.fault(50)
def test_each_answer_is_bounded_and_the_next_goes_on_where_it_ended(live):
    cursor, expected = "", HITS
    for _ in range(5):
        fields = {"q": "correlation_id:hot", "limit": "1000", "cursor": cursor}
        answer = live.http.request("GET", f"{live.url}/v1/search", fields=fields).json()
        assert [each["n"] for each in answer["events"]] == [*range(expected - 1, expected - 1001, -1)]
        assert answer["scanned_events"] <= 2 * PER_BODY
        assert answer["partial"] is None
        cursor, expected = answer["next"], expected - 1000
    found = live.get("/v1/events?correlation_id=hot").json()
    assert found["count"] == len(found["events"]) == 1000
    assert found["truncated"] is True
    assert live.get("/v1/events?correlation_id=hot&limit=1001").status == 400


@pytest.mark.fault(50)
def test_what_cannot_be_looked_at_in_time_is_partial_and_gone_on_with_to_the_end(live):
    cursor: str | None = ""
    looked_at, partials = 0, []
    while cursor is not None:
        fields = {"q": "-correlation_id:hot", "deadline": "1", "cursor": cursor}
        answer = live.http.request("GET", f"{live.url}/v1/search", fields=fields).json()
        assert answer["events"] == []
        looked_at += answer["scanned_events"]
        partials.append(answer["partial"])
        cursor = answer["next"]
    assert partials[-1] is None
    assert {*partials[:-1]} == {"deadline"}
    assert HITS <= looked_at <= HITS + len(partials) * PER_BODY  # a page begins within a batch


@pytest.mark.fault(50)
def test_the_command_prints_all_of_them(live):
    command = [sys.executable, "-m", "logweir_service", "events", "correlation_id:hot", "--json", "--reverse"]
    command += ["--data", str(live.data), "--limit", str(2 * HITS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        numbers = [int(line.rpartition(b":")[2].rstrip(b"}\n")) for line in running.stdout if b'"n":' in line]
    assert running.returncode == 0
    assert len(numbers) == HITS

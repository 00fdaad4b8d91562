"""A real Prometheus scrapes a real service and answers PromQL."""

import json
import socket
import subprocess
import time

import pytest
import urllib3

from tests.end_to_end.live import LiveService

CONFIGURATION = """
global: {{scrape_interval: 1s, scrape_timeout: 900ms}}
scrape_configs:
  - job_name: logweir
    honor_labels: true
    static_configs: [{{targets: ["{target}"], labels: {{service: logweir, environment: cluster}}}}]
"""


@pytest.fixture
def prometheus(tmp_path):
    """Starts Prometheus on a target and returns a function that asks it."""
    processes = []

    def start(target):
        (tmp_path / "prometheus.yml").write_text(CONFIGURATION.format(target=target))
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        command = [
            "prometheus",
            f"--config.file={tmp_path / 'prometheus.yml'}",
            f"--storage.tsdb.path={tmp_path / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--enable-feature=exemplar-storage",
            "--log.level=warn",
        ]
        processes.append(subprocess.Popen(command))

        def ask(path, **fields):
            answer = urllib3.request(
                "GET", f"http://127.0.0.1:{port}/api/v1/{path}", fields=fields, timeout=5, retries=False
            )
            if answer.status == 503:
                raise urllib3.exceptions.HTTPError("it is still starting")
            return answer.json()["data"]

        return ask

    yield start
    for process in processes:
        process.terminate()
        process.wait()


def event(**fields):
    return json.dumps(
        {
            "event": "http.request",
            "service": "shop",
            "environment": "test",
            "level": "info",
            "timestamp": "2026-09-21T14:13:20.000000Z",
            "correlation_id": "4bf92f3577b34da6a3ce929d0e0e4736",
            "http_request_method": "GET",
            "http_route": '/cart/{id}/"quoted"\\',
            "http_response_status_code": 200,
            "duration_seconds": 0.3,
            **fields,
        }
    )


@pytest.mark.needs("prometheus")
def test_prometheus_scrapes_what_events_told_and_answers_queries(tmp_path, prometheus):
    with LiveService(tmp_path / "data") as live:
        events = [event(), event(), event(http_response_status_code=500, level="error", error_type="Timeout")]
        live.post("\n".join(events).encode())
        ask = prometheus(live.url.removeprefix("http://"))
        series = eventually(lambda: result(ask, 'http_requests_total{status="200"}'))
        assert series[0]["metric"] == {
            "__name__": "http_requests_total",
            "job": "logweir",
            "instance": live.url.removeprefix("http://"),
            "service": "shop",
            "environment": "test",
            "method": "GET",
            "endpoint": '/cart/{id}/"quoted"\\',
            "status": "200",
        }
        assert series[0]["value"][1] == "2"
        assert result(ask, 'up{job="logweir"}')[0]["value"][1] == "1"
        quantile = "histogram_quantile(0.5, sum by (le) (http_request_duration_seconds_bucket))"
        assert 0.25 < float(result(ask, quantile)[0]["value"][1]) <= 0.5
        assert result(ask, "errors_total")[0]["metric"]["error_type"] == "Timeout"
        exemplars = eventually(
            lambda: ask(
                "query_exemplars",
                query="http_request_duration_seconds_bucket",
                start=str(time.time() - 1e8),
                end=str(time.time()),
            )
        )
        labels = exemplars[0]["exemplars"][0]["labels"]
        assert "4bf92f3577b34da6a3ce929d0e0e4736" in labels.values()


@pytest.mark.needs("promtool")
def test_exposition_passes_promtool(tmp_path):
    with LiveService(tmp_path / "data") as live:
        live.post(event().encode())
        text = live.get("/metrics").data
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def result(ask, query):
    return ask("query", query=query)["result"]


def eventually(ask, *, seconds=30):
    """The first answer that holds something."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if found := ask():
                return found
        except urllib3.exceptions.HTTPError:
            pass  # it is not there yet
        assert time.monotonic() < deadline
        time.sleep(0.1)

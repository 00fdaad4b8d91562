from __future__ import annotations

from tests.service.expose.asking import READ, asked


def test_the_twin_has_the_events_that_the_page_starts_with(tmp_path, monkeypatch):
    with asked(tmp_path / "data", monkeypatch) as service:
        assert service("/tail.json?q=level:error").status_code == 401
        answer = service("/tail.json?q=level:error", token=READ)
        assert answer.status_code == 307
        assert answer.headers["location"] == "/v1/search?q=level%3Aerror&since=1h"

"""Rules changed under a running service: by a signal, and over HTTP."""

import signal

import pytest

from tests.end_to_end.live import LiveService
from tests.end_to_end.sending import wait_for

BEFORE = "version: 1\nmetrics:\n  - {name: kept_total, type: counter, event: a.b}\n"
AFTER = f"{BEFORE}  - {{name: new_total, type: counter, event: a.b}}\n"
BROKEN = f"{AFTER[:-2]}, wen: total}}\n  - {{name: last_total, type: counter, event: a.b, lables: {{}}}}\n"
TOKEN = {"Authorization": "Bearer not-a-real-token"}


@pytest.fixture
def rules(tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text(BEFORE)
    return path


def send(live):
    event = b'{"event":"a.b","service":"shop","level":"info"}\n'
    assert live.post(event).status == 200


def metrics(live):
    text = live.http.request("GET", f"{live.url}/metrics", headers=TOKEN).data.decode()
    samples = (line.split(" ") for line in text.splitlines() if not line.startswith("#"))
    wanted = ("kept_total", "new_total", "logweir_config_last_reload_successful")
    return {name: float(value) for name, value in samples if name in wanted}


def reload(live, headers=TOKEN):
    answer = live.http.request("POST", f"{live.url}/-/reload", headers=headers)
    return answer.status, answer.json()


@pytest.mark.fault(42)
def test_hangup_loads_the_rules_anew_and_a_broken_file_leaves_them(tmp_path, rules):
    with LiveService(tmp_path / "data", "--rules", str(rules)) as live:
        send(live)
        rules.write_text(BROKEN)
        live.process.send_signal(signal.SIGHUP)
        wait_for(lambda: metrics(live)["logweir_config_last_reload_successful"] == 0)
        assert sum("the rules stay as they were" in line for line in live.log) == 2
        rules.write_text(AFTER)
        live.process.send_signal(signal.SIGHUP)
        wait_for(lambda: metrics(live)["logweir_config_last_reload_successful"] == 1)
        send(live)
        assert metrics(live) == {
            "kept_total": 2,
            "new_total": 1,
            "logweir_config_last_reload_successful": 1,
        }
        live.stop(signal.SIGKILL)
        live.start()
        assert metrics(live)["new_total"] == 1
        assert live.stop() == 0


def test_reload_over_http_wants_a_token_and_tells_what_became_of_the_metrics(tmp_path, rules):
    environment = {"LOGWEIR_RELOAD_ENDPOINT": "true", "LOGWEIR_READ_TOKENS": "not-a-real-token"}
    with LiveService(tmp_path / "data", "--rules", str(rules), environment=environment) as live:
        send(live)
        rules.write_text(AFTER)
        assert reload(live, headers={})[0] == 401
        changed = {"kept": ["kept_total"], "begun": ["new_total"], "gone": []}
        assert reload(live) == (200, {"status": "reloaded", **changed})
        rules.write_text(BROKEN)
        status, told = reload(live)
        assert (status, told["error"]) == (422, "invalid_rules")
        assert [problem.partition(": ")[0] for problem in told["problems"]] == [f"{rules}:4", f"{rules}:5"]
        send(live)
        assert metrics(live)["new_total"] == 1
        assert live.stop() == 0


def test_reload_over_http_is_off_unless_it_is_asked_for(tmp_path, rules):
    with LiveService(tmp_path / "data", "--rules", str(rules)) as live:
        assert reload(live)[0] == 404
        assert live.stop() == 0


@pytest.mark.fault(42)
def test_hundred_hangups_among_events_lose_and_double_none(tmp_path, rules):
    with LiveService(tmp_path / "data", "--rules", str(rules)) as live:
        for number in range(100):
            rules.write_text((BEFORE, AFTER, BROKEN)[number % 3])
            live.process.send_signal(signal.SIGHUP)
            send(live)
        rules.write_text(AFTER)
        live.process.send_signal(signal.SIGHUP)
        wait_for(lambda: metrics(live)["logweir_config_last_reload_successful"] == 1)
        assert metrics(live)["kept_total"] == 100
        assert live.stop() == 0
        live.start()
        assert metrics(live)["kept_total"] == 100


@pytest.mark.fault(2, 44)
def test_kills_around_reloads_lose_double_and_mislabel_nothing(tmp_path, rules):
    """Each life changes the rules under load and is killed within a moment of it."""
    sent = 0
    with LiveService(tmp_path / "data", "--rules", str(rules)) as live:
        for life in range(6):
            rules.write_text((AFTER, BEFORE)[life % 2])
            live.process.send_signal(signal.SIGHUP)
            for _ in range(1 + 3 * life):
                send(live)
                sent += 1
            before = metrics(live)
            live.stop(signal.SIGKILL)
            live.start()
            found = metrics(live)
            assert before["kept_total"] == found["kept_total"] == sent
            assert found.get("new_total", 0) == (before.get("new_total", 0) if life % 2 == 0 else 0)

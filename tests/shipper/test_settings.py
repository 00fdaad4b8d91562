from __future__ import annotations

import json
import os
import threading

import pytest

import logweir
from logweir.settings import Arguments, read
from logweir.testing import CapturingSink


def test_argument_wins_over_environment_and_that_over_default() -> None:
    environ = {
        "LOGWEIR_SERVICE": "from-env",
        "OTEL_SERVICE_NAME": "Otel",
        "LOG_LEVEL": "WARN",
        "ENVIRONMENT": "prod",
    }
    environ |= {"SENTRY_RELEASE": "1.2", "APP_VERSION": "9", "LOGWEIR_URL": "http://h:7171/v1/events"}
    settings = read(Arguments(level="error"), environ=environ)
    assert (settings.service, settings.level) == ("from-env", "error")
    assert (settings.environment, settings.version) == ("prod", "1.2")
    assert (settings.to, settings.url) == ("http", "http://h:7171")
    assert read(Arguments(service="arg"), environ=environ).service == "arg"
    assert read(Arguments(to="stdout"), environ=environ).to == "stdout"
    assert read(Arguments(), environ={}).to == "stdout"


def test_a_foreign_service_name_is_mapped_to_the_letters_allowed() -> None:
    assert read(Arguments(), environ={"OTEL_SERVICE_NAME": "My Shop (EU)"}).service == "my-shop-eu"


def test_no_secret_is_shown() -> None:
    settings = read(Arguments(token="hunter2", url="http://h:7171"), environ={})
    assert settings.token == "hunter2"
    assert "hunter2" not in repr(settings) + repr(Arguments(token="hunter2"))
    with pytest.raises(ValueError, match="LOGWEIR_URL: holds an @") as refused:
        read(Arguments(), environ={"LOGWEIR_URL": "http://shop:hunter2@h:7171"})
    assert "hunter2" not in str(refused.value)


def test_enable_sentry_false_wins_over_the_argument() -> None:
    assert read(Arguments(promote=True), environ={"ENABLE_SENTRY": "false"}).promote is False
    assert read(Arguments(promote=False), environ={}).promote is False
    assert read(Arguments(), environ={"ENABLE_SENTRY": "True"}).promote is True


@pytest.mark.parametrize(
    ("arguments", "environ", "named"),
    [
        (Arguments(url="127.0.0.1:7171"), {}, "url: '127.0.0.1:7171'"),
        (Arguments(), {"LOGWEIR_URL": "ftp://x"}, "LOGWEIR_URL: 'ftp://x'"),
        (Arguments(), {"LOGWEIR_URL": "http://[bad"}, "LOGWEIR_URL"),
        (Arguments(service="Shop"), {}, "service: 'Shop'"),
        (Arguments(), {"LOGWEIR_SERVICE": "a/b"}, "LOGWEIR_SERVICE: 'a/b'"),
        (Arguments(level="loud"), {}, "level: 'loud'"),
        (Arguments(), {"LOG_LEVEL": "loud"}, "LOG_LEVEL: 'loud'"),
        (Arguments(), {"ENABLE_SENTRY": "maybe"}, "ENABLE_SENTRY: 'maybe'"),
        (Arguments(to="http"), {}, "to: 'http' needs url"),
        (Arguments(token="a\nb"), {}, "token: holds a character"),
        (Arguments(), {"LOGWEIR_TOKEN": "a b"}, "LOGWEIR_TOKEN: holds a character"),
        (Arguments(max_queue_bytes=1), {}, "max_queue_bytes: 1"),
        (Arguments(service=5), {}, "service: is no text, but of type int"),  # type: ignore[arg-type]
        (Arguments(token=b"s"), {}, "token: is no text, but of type bytes"),  # type: ignore[arg-type]
        (Arguments(environment=5), {}, "environment: is no text"),  # type: ignore[arg-type]
        (Arguments(spool=5), {}, "spool: 5 is no path"),  # type: ignore[arg-type]
        (Arguments(to=object()), {}, "to: <object"),  # type: ignore[arg-type]
    ],
)
def test_a_bad_value_is_one_line_that_names_it(
    arguments: Arguments, environ: dict[str, str], named: str
) -> None:
    with pytest.raises(ValueError) as refusal:  # noqa: PT011 - its text is checked below
        read(arguments, environ=environ)
    assert str(refusal.value).startswith(named)
    assert "\n" not in str(refusal.value)


def test_configure_starts_nothing_and_the_same_again_changes_nothing() -> None:
    before = threading.active_count()
    logweir.configure("shop", url="http://127.0.0.1:9")
    first = logweir.process.emitter()
    logweir.configure("shop", url="http://127.0.0.1:9")
    assert logweir.process.emitter() is first
    assert threading.active_count() == before
    assert logweir.stats()["emitted"] == 0


def test_an_event_before_configure_goes_where_the_environment_says(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGWEIR_SERVICE", "early")
    monkeypatch.setenv("ENABLE_SENTRY", "false")
    logweir.emit("a.b")
    event = json.loads(capfd.readouterr().out)
    assert (event["service"], event["promote"]) == ("early", False)
    assert event["service_instance_id"].endswith(f":{os.getpid()}")


def test_a_bad_environment_is_said_once_and_events_still_go_out(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGWEIR_URL", "nonsense")
    logweir.emit("a.b")
    out, err = capfd.readouterr()
    assert json.loads(out)["event"] == "a.b"
    assert err.startswith("logweir: LOGWEIR_URL: 'nonsense'")


def test_a_capturing_sink_is_all_a_test_needs() -> None:
    sink = CapturingSink()
    logweir.configure("shop", to=sink)
    logweir.emit("a.b", k=1)
    assert sink.named("a.b")[0]["k"] == 1
    sink.clear()
    assert sink.events == []
    assert logweir.flush() is True

from pathlib import Path

import pytest

from logweir_service.access import EVERY_SERVICE, ingest_tokens, read_tokens
from logweir_service.errors import ConfigurationError
from logweir_service.settings import (
    OF_THE_SHIPPER,
    read_settings,
    refuse_open_doors,
    unknown_names,
)
from tests.test_docs import application_variables, service_variables


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch):
    for name in (
        "LOGWEIR_LISTEN",
        "LOGWEIR_DATA",
        "LOGWEIR_INGEST_TOKENS",
        "LOGWEIR_READ_TOKENS",
        "ENABLE_METRICS",
        "ENABLE_PROMETHEUS",
    ):
        monkeypatch.delenv(name, raising=False)


def test_argument_wins_over_environment_and_that_over_the_default(monkeypatch):
    assert read_settings().data == Path("data")
    monkeypatch.setenv("LOGWEIR_DATA", "/from/environment")
    assert read_settings().data == Path("/from/environment")
    assert read_settings(data="/from/argument").data == Path("/from/argument")


def test_old_name_of_a_switch_is_taken_too(monkeypatch):
    assert read_settings().metrics_enabled
    monkeypatch.setenv("ENABLE_PROMETHEUS", "false")
    assert not read_settings().metrics_enabled
    monkeypatch.setenv("ENABLE_METRICS", "true")
    assert read_settings().metrics_enabled


@pytest.mark.parametrize("listen", ["127.0.0.1:1", "localhost:1", "[::1]:1", "127.9.9.9:1"])
def test_loopback_needs_no_tokens(listen):
    refuse_open_doors(read_settings(listen=listen))


@pytest.mark.parametrize("listen", ["0.0.0.0:1", "192.0.2.1:1", "[::]:1", "logs.example:1"])
def test_beyond_loopback_both_kinds_of_token_are_required(monkeypatch, listen):
    with pytest.raises(ConfigurationError, match="LOGWEIR_READ_TOKENS"):
        refuse_open_doors(read_settings(listen=listen))
    monkeypatch.setenv("LOGWEIR_INGEST_TOKENS", "not-a-secret=*")
    with pytest.raises(ConfigurationError, match="LOGWEIR_READ_TOKENS"):
        refuse_open_doors(read_settings(listen=listen))
    monkeypatch.setenv("LOGWEIR_READ_TOKENS", "not-a-secret")
    refuse_open_doors(read_settings(listen=listen))


@pytest.mark.parametrize("listen", ["7171", ":7171", "host:", "host:seven", "host:70000"])
def test_address_that_is_none_is_named(listen):
    with pytest.raises(ConfigurationError, match=r"LOGWEIR_LISTEN.*HOST:PORT"):
        read_settings(listen=listen)


def test_door_without_tokens_is_open():
    assert ingest_tokens("").grant(None) is EVERY_SERVICE


def test_token_may_hold_an_equals_sign():
    grant = ingest_tokens("not=a=secret=shop").grant("Bearer not=a=secret")
    assert grant
    assert grant.covers("shop")
    assert not grant.covers("shop-2")


def test_read_tokens_are_a_list():
    tokens = read_tokens("one, two")
    assert tokens.grant("Bearer two")
    assert tokens.grant("Bearer one,") is None


@pytest.mark.parametrize("nothing", [",", " ", " , "])
def test_setting_without_a_token_in_it_opens_no_door(monkeypatch, nothing):
    monkeypatch.setenv("LOGWEIR_INGEST_TOKENS", nothing)
    monkeypatch.setenv("LOGWEIR_READ_TOKENS", nothing)
    with pytest.raises(ConfigurationError, match="holds no token"):
        refuse_open_doors(read_settings(listen="0.0.0.0:1"))
    with pytest.raises(ConfigurationError, match="holds no token"):
        read_tokens(nothing)


def test_token_named_twice_speaks_for_both_services():
    tokens = ingest_tokens("not-a-secret =shop-*, not-a-secret= pay")
    grant = tokens.grant("Bearer not-a-secret")
    assert grant
    assert grant.covers("pay")
    assert grant.covers("shop-1")
    assert not grant.covers("stock")


def test_token_of_any_letters_is_known_as_it_comes_over_the_wire():
    assert read_tokens("schlüssel").grant("Bearer " + "schlüssel".encode().decode("latin-1"))


def test_empty_variable_is_as_good_as_none(monkeypatch):
    monkeypatch.setenv("LOGWEIR_DATA", "")
    assert read_settings().data == Path("data")


def test_rules_that_name_nothing_are_refused():
    with pytest.raises(ConfigurationError, match="LOGWEIR_RULES"):
        read_settings(rules=",")


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("ENABLE_METRICS", "maybe", "must be true or false"),
        ("ENABLE_PROMETHEUS", "maybe", "must be true or false"),
        ("LOGWEIR_RETENTION_DAYS", "a week", "must be a number"),
        ("LOGWEIR_RETENTION_DAYS", "-1", "must be more than 0"),
        ("LOGWEIR_RETENTION_BYTES", "1.5", "must be a whole number"),
        ("LOGWEIR_MIN_FREE_BYTES", "-1", "must be at least 0"),
        ("LOGWEIR_ON_FULL", "stop", "must be 'reject' or 'drop_oldest'"),
        ("LOGWEIR_LISTEN", "x", "must read HOST:PORT, such as 127.0.0.1:7171"),
        ("LOGWEIR_RULES", ",", "must name rules, such as packs"),
        (
            "LOGWEIR_METRIC_PREFIX",
            "logweir_",
            "must not begin with logweir, as the service's own metrics do, or with __",
        ),
        (
            "LOGWEIR_METRIC_PREFIX",
            "__x_",
            "must not begin with logweir, as the service's own metrics do, or with __",
        ),
    ],
)
def test_value_that_cannot_be_used_is_named_with_what_it_should_be(monkeypatch, name, value, wanted):
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as refused:
        read_settings()
    assert str(refused.value) == f"settings cannot be used: {name}: {wanted}"


def test_every_fault_that_a_setting_can_have_is_said_in_words_of_our_own(monkeypatch):
    for name in service_variables():
        monkeypatch.setenv(name, "?")
    with pytest.raises(ConfigurationError) as refused:
        read_settings()
    assert "Input" not in str(refused.value)
    assert "Value error" not in str(refused.value)


@pytest.mark.parametrize("nothing", ["", " "])
def test_data_folder_without_a_name_is_refused(nothing):
    with pytest.raises(ConfigurationError, match="LOGWEIR_DATA: is empty; name a folder"):
        read_settings(data=nothing)


def test_misspelled_variable_is_told_with_what_was_meant():
    environ = {"LOGWEIR_RETENTION_DAYZ": "3", "LOGWEIR_FROBNICATE": "1", "LOGWEIR_DATA": "x", "OTHER": "y"}
    assert unknown_names(environ) == [
        "LOGWEIR_FROBNICATE",
        "LOGWEIR_RETENTION_DAYZ (did you mean LOGWEIR_RETENTION_DAYS?)",
    ]


def test_variables_of_the_shipper_and_of_kubernetes_are_not_told():
    of_the_shipper = {name for name in application_variables() if name.startswith("LOGWEIR_")}
    assert of_the_shipper == OF_THE_SHIPPER
    of_kubernetes = """LOGWEIR_SERVICE_HOST LOGWEIR_SERVICE_PORT LOGWEIR_SERVICE_PORT_HTTP LOGWEIR_PORT
    LOGWEIR_PORT_7171_TCP LOGWEIR_PORT_7171_TCP_ADDR LOGWEIR_INGEST_PORT LOGWEIR_INGEST_SERVICE_HOST"""
    assert unknown_names(dict.fromkeys([*of_the_shipper, *of_kubernetes.split()], "x")) == []


@pytest.mark.parametrize("services", ["sh op", "Shop", "shop+", "+", "a/b", "shop;web"])
def test_token_for_what_is_no_service_is_refused_and_nothing_of_it_told(services):
    with pytest.raises(ConfigurationError, match="LOGWEIR_INGEST_TOKENS: what token 2") as refused:
        ingest_tokens(f"not-a-secret=*,not-another={services}")
    assert "not-" not in str(refused.value)


def test_services_of_a_token_may_be_patterns_with_blanks_between():
    grant = ingest_tokens("not-a-secret = shop-[0-9] + web?").grant("Bearer not-a-secret")
    assert grant
    assert [grant.covers(name) for name in ("shop-1", "web2", "web", "shop-x")] == [True, True, False, False]


@pytest.mark.parametrize("name", ["LOGWEIR_SENTRY_ISSUE_URL", "LOGWEIR_TRACE_URL"])
@pytest.mark.parametrize(
    "template",
    [
        "https://host.example/",
        "javascript:alert(ID)",
        "//host.example/ID",
        "ftp://host.example/ID",
        "https://ID/",
        "https://host.exampleID",
        "https://user:secret@host.example/ID",
        "https://host.example/ID/{other}",
        "https://host.example/ID/{",
        "https://host.example/a b/ID",
        "host.example/ID",
    ],
)
def test_a_link_that_could_not_be_followed_is_refused(monkeypatch, name, template):
    placeholder = "{event_id}" if "ISSUE" in name else "{trace_id}"
    monkeypatch.setenv(name, template.replace("ID", placeholder))
    with pytest.raises(ConfigurationError, match=rf"{name}: must be a link such as .*\{placeholder[:-1]}"):
        read_settings()


def test_links_are_taken_as_they_are(monkeypatch):
    issues = "https://sentry.example:9000/organizations/shop/issues/?query={event_id}"
    monkeypatch.setenv("LOGWEIR_SENTRY_ISSUE_URL", issues)
    monkeypatch.setenv("LOGWEIR_TRACE_URL", "http://tempo/explore#{trace_id}")
    assert read_settings().sentry_issue_url == issues
    assert read_settings().trace_url == "http://tempo/explore#{trace_id}"

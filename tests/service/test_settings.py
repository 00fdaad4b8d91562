from pathlib import Path

import pytest

from logweir_service.access import EVERY_SERVICE, ingest_tokens, read_tokens
from logweir_service.errors import ConfigurationError
from logweir_service.settings import read_settings, refuse_open_doors


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch):
    for name in (
        "LOGWEIR_LISTEN",
        "LOGWEIR_DATA",
        "LOGWEIR_INGEST_TOKENS",
        "LOGWEIR_READ_TOKENS",
        "ENABLE_METRICS",
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

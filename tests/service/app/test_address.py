"""An address that cannot be listened on: whether it is worth to try again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from logweir_service.app import compose, serve
from logweir_service.app.serving import _listener, _serve
from logweir_service.errors import AddressInUse, ConfigurationError
from logweir_service.settings import Settings


def test_address_of_another_machine_is_a_fault_of_the_setting(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot listen on 192\.0\.2\.1:7171: .*LOGWEIR_LISTEN"):
        serve(Settings(LOGWEIR_LISTEN="192.0.2.1:7171", LOGWEIR_DATA=tmp_path))
    assert [*tmp_path.iterdir()] == []


def test_of_two_that_bind_an_address_at_once_the_second_may_try_again(tmp_path: Path) -> None:
    with _listener(Settings(LOGWEIR_LISTEN="127.0.0.1:0")) as first:
        settings = Settings(LOGWEIR_LISTEN=f"127.0.0.1:{first.getsockname()[1]}", LOGWEIR_DATA=tmp_path)
        with _listener(settings) as second:
            first.listen()
            service = compose(settings)
            with pytest.raises(AddressInUse, match="already in use"):
                asyncio.run(_serve(service, second))
            service.pipeline.close()

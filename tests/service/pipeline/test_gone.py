"""A data folder that is taken away from a running service."""

import asyncio
import errno
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from logweir_service.app import compose, http, running
from logweir_service.disk import Disk
from logweir_service.errors import Refusal
from logweir_service.pipeline import Delivery
from logweir_service.settings import Settings

from .living import line, living, settled


def settings_of(tmp_path, *, checkpoint_seconds=3600.0):
    return Settings(
        LOGWEIR_DATA=tmp_path / "data",
        LOGWEIR_MIN_FREE_BYTES=0,
        LOGWEIR_BALLAST_BYTES=0,
        LOGWEIR_CHECKPOINT_SECONDS=checkpoint_seconds,
    )


def replace_journal(data):
    shutil.copytree(data / "journal", data / "copy")
    shutil.rmtree(data / "journal")
    (data / "copy").rename(data / "journal")


def remove_content(data):
    for name in ("journal", "checkpoints", "dead"):
        shutil.rmtree(data / name)


TAKEN: dict[str, Callable[[Path], object]] = {
    "all": shutil.rmtree,
    "content": remove_content,
    "moved": lambda data: data.rename(data.with_name("elsewhere")),
    "replaced": replace_journal,
}


@pytest.mark.fault(12)
@pytest.mark.parametrize("how", [*TAKEN])
def test_nothing_is_acknowledged_whose_folder_is_gone_and_the_path_is_told(tmp_path, how, caplog):
    settings = settings_of(tmp_path)

    async def use(pipeline):
        await pipeline.submit(Delivery(line()))
        TAKEN[how](settings.data)
        with pytest.raises(Refusal) as refused:
            await pipeline.submit(Delivery(line()))
        return refused.value, pipeline.broken

    refusal, broken = living(settings, use)
    assert (refusal.status, refusal.code) == (503, "storage_error")
    assert str(settings.data) in str(broken)
    assert "is gone" in str(broken)
    assert "--data" in str(broken)
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.fault(12)
@pytest.mark.parametrize("how", [*TAKEN])
def test_it_is_found_also_where_nothing_comes_in(tmp_path, how, caplog):
    settings = settings_of(tmp_path, checkpoint_seconds=0.05)

    async def use(pipeline):
        stopped = []
        pipeline.on_broken = lambda: stopped.append(1)
        TAKEN[how](settings.data)
        await settled(lambda: pipeline.broken is not None)
        return str(pipeline.broken), stopped

    told, stopped = living(settings, use)
    assert str(settings.data) in told
    assert "is gone" in told
    assert stopped == [1]
    assert [record.getMessage() for record in caplog.records if record.levelno > logging.INFO] == []


@pytest.mark.fault(12)
def test_readiness_says_so_in_one_line(tmp_path):
    settings = settings_of(tmp_path)

    async def run():
        service = compose(settings)
        transport = httpx.ASGITransport(http(service))
        async with (
            running(service),
            httpx.AsyncClient(transport=transport, base_url="http://logweir") as client,
        ):
            shutil.rmtree(settings.data)
            return await client.get("/ready"), (await client.get("/health")).status_code

    ready, health = asyncio.run(run())
    assert (ready.status_code, health) == (503, 200)
    assert f"{settings.data} is gone" in ready.json()["message"]


@pytest.mark.fault(8)
def test_room_that_cannot_be_told_is_a_refusal_that_names_the_folder(tmp_path):
    class Odd(Disk):
        failing = False

        def space(self, path):
            if self.failing:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return super().space(path)

    disk = Odd()
    settings = settings_of(tmp_path)

    async def use(pipeline):
        disk.failing = True
        with pytest.raises(Refusal) as refused:
            await pipeline.submit(Delivery(line()))
        disk.failing = False
        await pipeline.submit(Delivery(line()))
        return refused.value

    refusal = living(settings, use, disk=disk)
    assert (refusal.status, refusal.code) == (503, "storage_error")
    assert str(settings.data) in refusal.message


@pytest.mark.fault(8)
def test_a_fault_of_the_disk_is_never_called_one_of_the_service(tmp_path, monkeypatch):
    settings = settings_of(tmp_path)

    async def use(pipeline):
        def odd(*_):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(settings.data / "x"))

        monkeypatch.setattr(pipeline.journal, "settle", odd)
        with pytest.raises(Refusal):
            await pipeline.submit(Delivery(line()))
        return str(pipeline.broken)

    told = living(settings, use)
    assert told.startswith(f"{settings.data / 'x'}: Permission denied; ")
    assert "\n" not in told

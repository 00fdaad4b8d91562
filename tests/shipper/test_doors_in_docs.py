"""The page of the client library shows each door in five lines that run."""

from __future__ import annotations

import logging
import logging.config
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import loguru
import pytest
import structlog
from fastapi import FastAPI
from flask import Flask

import logweir
from logweir.testing import CapturingSink
from tests.shipper.test_asgi import requests

PAGE = Path(__file__).parents[2] / "docs" / "shipper.md"
SECTION = PAGE.read_text().partition("### Each in five lines\n")[2].partition("\nAn event's name")[0]
BLOCKS = re.findall(r"```python\n# (.*?)\n(.*?)```", SECTION, re.S)


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    root, shop = logging.getLogger(), logging.getLogger("shop")
    handlers, level = root.handlers[:], root.level
    loguru.logger.remove()
    yield
    root.handlers[:], root.level = handlers, level
    shop.handlers.clear()
    loguru.logger.remove()
    structlog.reset_defaults()
    logweir.capture.uninstall()


def test_every_name_in_the_documents_is_there_after_import_logweir() -> None:
    pages = [PAGE.parents[1] / "README.md", *PAGE.parent.glob("*.md")]
    written = {
        name
        for page in pages
        for name in re.findall(r"(?<![\w./-])logweir(?:\.\w+)+", page.read_text())
        if not name.startswith("logweir.shipper.")
    }
    assert "logweir.system.System" in written
    resolved = subprocess.run(
        [sys.executable, "-c", "import logweir\n" + "\n".join(sorted(written))],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert resolved.returncode == 0, resolved.stderr


def test_every_public_name_is_documented() -> None:
    pages = (PAGE.parent / f"{name}.md" for name in ("shipper", "replacing", "tracing", "samplers"))
    text = re.sub(r"^```.*?^```$", "", "".join(page.read_text() for page in pages), flags=re.M | re.S)
    code = " ".join(re.findall(r"`([^`]+)`", text))
    assert [name for name in logweir.__all__ if not re.search(rf"\b{name}\b", code)] == []


def test_there_is_a_block_for_every_door_and_none_is_longer_than_five_lines() -> None:
    shown = "".join(code for _, code in BLOCKS)
    named = set(re.findall(r"logweir\.(\w+)\.", shown)) | {"asgi", "wsgi"} & set(
        re.findall(r"logweir\.(\w+)\.", " ".join(title for title, _ in BLOCKS))
    )
    doors = {"asgi", "django", "flask", "httpx", "logging", "loguru", "structlog", "wsgi"}
    assert doors <= named
    assert all(code.count("\n") <= 5 for _, code in BLOCKS)


@pytest.mark.parametrize(("title", "code"), BLOCKS, ids=[title for title, _ in BLOCKS])
def test_the_lines_run(sink: CapturingSink, capsys: Any, title: str, code: str) -> None:
    scope: dict[str, Any] = {"logweir": logweir, "logging": logging, "structlog": structlog, "sys": sys}
    scope |= {"logger": loguru.logger, "FastAPI": FastAPI, "Flask": Flask, "httpx": httpx}
    exec(code, scope)
    app = scope.get("app")
    if isinstance(app, Flask):
        app.test_client().get("/orders", buffered=True)
    elif app is not None:
        requests(app, ("GET", "/orders"))
    if "client" in scope:
        with pytest.raises(httpx.ConnectError):
            scope["client"].get("http://127.0.0.1:9/")
    if "handler" in scope:
        logging.getLogger("shop").warning("x")
        assert '"region":"eu"' in capsys.readouterr().out
    elif 'configure("shop"' in code:
        assert "logweir" in sys.excepthook.__module__
    elif "MIDDLEWARE" in scope:
        from logweir.django import _policy  # noqa: PLC0415 - Django's settings are made by another test

        assert _policy(scope["LOGWEIR"]).skip == {"/health"}
        assert scope["MIDDLEWARE"] == [f"{logweir.django.Middleware.__module__}.Middleware"]
    else:
        assert sink.events

"""A whole service's HTTP face in this process, asked as programs and as browsers ask."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from logweir_service.app import compose
from logweir_service.app.composition import Service
from logweir_service.app.web import http
from logweir_service.settings import read_settings

INGEST, READ = "ingest-token-1", "read-token-1"


class Asked:
    """An application, and a shorthand for each way to ask it."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.app = http(service)

    def __call__(
        self,
        path: str,
        method: str = "GET",
        *,
        token: str = "",
        session: str = "",
        accept: str = "*/*",
        body: bytes | None = None,
        url: str = "http://logweir",
        **headers: str,
    ) -> httpx.Response:
        sent = {"Accept": accept} | {name.replace("_", "-"): value for name, value in headers.items()}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        if session:
            sent["Cookie"] = f"logweir_session={session}"

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url=url) as client:
                return await client.request(method, path, headers=sent, content=body)

        return asyncio.run(asyncio.wait_for(ask(), 20))

    def log_in(self, token: str = READ, *, wanted: str | None = None, **headers: str) -> httpx.Response:
        """What the form's answer is."""
        fields = httpx.QueryParams({"token": token} if wanted is None else {"token": token, "next": wanted})
        sent = {"Content-Type": "application/x-www-form-urlencoded"} | headers
        return self("/login", "POST", body=str(fields).encode(), **sent)

    def session(self, token: str = READ) -> str:
        """A new session."""
        return str(self.log_in(token).cookies["logweir_session"])


@contextmanager
def asked(data: Path, monkeypatch, *, recovered: bool = True, **variables: str) -> Iterator[Asked]:
    """A service on `data` with these settings, which takes no events."""
    given = {"LOGWEIR_INGEST_TOKENS": f"{INGEST}=*", "LOGWEIR_READ_TOKENS": READ} | variables
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    service = compose(read_settings(data=str(data)))
    try:
        if recovered:
            service.pipeline.recover(service.rules)
        yield Asked(service)
    finally:
        service.pipeline.close()

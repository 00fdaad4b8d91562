"""Styles and scripts, read into memory once and named by what they hold."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from typing import Annotated, Final

from fastapi import APIRouter, Header, Response
from starlette.exceptions import HTTPException

from .headers import page_headers

_TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FOR_A_YEAR: Final = "public, max-age=31536000, immutable"
_ASK_AGAIN: Final = "no-cache"


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file and what it is named by."""

    content: bytes
    media_type: str
    digest: str


class Static:
    """All files of ``static/``, as they were at the start."""

    def __init__(self) -> None:
        self._files = {
            each.name: StaticFile(content, media_type, hashlib.sha256(content).hexdigest()[:16])
            for each in (files(__package__) / "static").iterdir()
            if (media_type := _TYPES.get(each.name[each.name.rfind(".") :]))
            for content in [each.read_bytes()]
        }

    def url(self, name: str) -> str:
        """Where a file is, for as long as it holds the same."""
        return f"/static/{self._files[name].digest}/{name}"

    def find(self, name: str) -> StaticFile | None:
        """The file of this name."""
        return self._files.get(name)


def static_route(static: Static) -> APIRouter:
    """The route of `static`, which anybody may read: they hold nothing of anybody."""
    routes = APIRouter()

    @routes.api_route("/favicon.ico", methods=["GET", "HEAD"], include_in_schema=False)
    async def icon() -> Response:
        """Browsers ask for it where they show JSON, which names none."""
        return await file("", "icon.svg")

    @routes.api_route("/static/{digest}/{name}", methods=["GET", "HEAD"], include_in_schema=False)
    async def file(digest: str, name: str, if_none_match: Annotated[str, Header()] = "") -> Response:
        found = static.find(name)
        if found is None:
            raise HTTPException(404, "there is no such file")
        tag = f'"{found.digest}"'
        headers = page_headers(cache_control=_FOR_A_YEAR if digest == found.digest else _ASK_AGAIN)
        headers["ETag"] = tag
        if tag in if_none_match:
            return Response(status_code=304, headers=headers)
        return Response(found.content, media_type=found.media_type, headers=headers)

    return routes

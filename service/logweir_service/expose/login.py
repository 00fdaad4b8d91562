"""``/login`` and ``/logout``: a read token, entered once, becomes a session."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from logweir_service.errors import Refusal

from .form import read_form
from .pages import Pages
from .reader import Reader
from .session import COOKIE, SESSION_SECONDS

FAILURES_PER_SECOND: Final = 10
"""Far more than people mistype, far too few to guess a token that was made at random."""

_HOME: Final = "/"
_OWN_PATH: Final = re.compile(r"/(?:[!-.0-\[\]-~][!-\[\]-~]*)?")
"""Printable ASCII without a backslash, which browsers take for a slash: two at the front name a host."""
_LONGEST_PATH: Final = 1024
"""What fits into a form three times over, as escaped as it may have to be."""


class Guesses:
    """Refuses to look at further tokens where too many were wrong just now."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrong: deque[float] = deque(maxlen=FAILURES_PER_SECOND)

    def require_few(self) -> None:
        """Let one more guess pass.

        Raises:
            Refusal: 429.
        """
        if len(self._wrong) == FAILURES_PER_SECOND and self._clock() - self._wrong[0] < 1:
            message = "too many wrong tokens just now; try again in a moment"
            raise Refusal(429, "too_many_logins", message, retry_after_seconds=1)

    def count(self) -> None:
        """One more was wrong."""
        self._wrong.append(self._clock())


def login_routes(reader: Reader, pages: Pages) -> APIRouter:
    """The form that asks for a token, and what ends the session that it opens."""
    routes = APIRouter()
    guesses = Guesses()

    def form(wanted: str, *, is_wrong: bool = False, once_more: str = "") -> Response:
        status = 401 if is_wrong else 200
        return pages.page("login.html", status=status, wanted=wanted, is_wrong=is_wrong, once_more=once_more)

    @routes.get("/login")
    async def asked(
        request: Request, wanted: Annotated[str, Query(alias="next")] = _HOME, again: str = ""
    ) -> Response:
        wanted = own_path(wanted)
        if reader.knows(request):
            return _go(wanted)
        if again or not _came_from_elsewhere(request):
            return form(wanted)
        return form(wanted, once_more=f"/login?next={quote(wanted, safe='/')}&again=1")

    @routes.post("/login")
    async def entered(request: Request) -> Response:
        fields = await read_form(request)
        wanted = own_path(fields.get("next", _HOME))
        guesses.require_few()
        session = reader.sessions.open(fields.get("token", "").strip())
        if session is None and reader.tokens:
            guesses.count()
            return form(wanted, is_wrong=True)
        answer = _go(wanted)
        if session is not None:
            answer.set_cookie(
                COOKIE,
                session,
                max_age=SESSION_SECONDS,
                secure=_is_secure(request),
                httponly=True,
                samesite="strict",
            )
        return answer

    @routes.post("/logout")
    async def left(request: Request) -> Response:
        answer = _go("/login" if reader.tokens else _HOME)
        answer.delete_cookie(COOKIE, secure=_is_secure(request), httponly=True, samesite="strict")
        return answer

    return routes


def own_path(wanted: str) -> str:
    """The path, if it is one on this host and not endless; else that of the first page."""
    return wanted if len(wanted) <= _LONGEST_PATH and _OWN_PATH.fullmatch(wanted) else _HOME


def _came_from_elsewhere(request: Request) -> bool:
    """Whether a link of another site may have led here, for which browsers keep the cookie back."""
    return request.headers.get("sec-fetch-site") not in ("none", "same-origin")


def _is_secure(request: Request) -> bool:
    """Whether it came by TLS, here or as far as the proxy in front."""
    forwarded = request.headers.get("x-forwarded-proto", "").partition(",")[0].strip().lower()
    return request.url.scheme == "https" or forwarded == "https"


def _go(path: str) -> RedirectResponse:
    return RedirectResponse(path, 303, {"Cache-Control": "no-store"})

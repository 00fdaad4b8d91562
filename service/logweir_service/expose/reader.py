"""Who may read: whoever shows a read token, or the session that one has opened."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from fastapi import Request

from logweir_service.access import Tokens
from logweir_service.errors import Refusal

from .host import is_of_this_machine
from .session import COOKIE, Sessions


class LoginWanted(Exception):
    """A browser asks for a page without a session; ``location`` is where it is sent."""

    def __init__(self, wanted: str) -> None:
        super().__init__(wanted)
        self.location = f"/login?next={quote(wanted, safe='/')}"


class Reader:
    """Lets readers pass, as a dependency of each route that shows anything: ``Depends(reader)``.

    Where there are no tokens everybody is one. Programs show ``Authorization: Bearer TOKEN``, browsers the
    cookie that ``/login`` sets.
    """

    def __init__(
        self,
        tokens: Tokens,
        *,
        starting: Callable[[], bool] = lambda: False,
        sessions: Sessions | None = None,
    ) -> None:
        self.tokens = tokens
        self.sessions = sessions or Sessions(tokens)
        self._starting = starting

    async def __call__(self, request: Request) -> None:
        """Let a reader pass.

        Raises:
            Refusal: 401, where a program asks, or 403.
            LoginWanted: a browser asks.
        """
        self._require_own_name(request)
        if self.knows(request):
            return
        if request.method in ("GET", "HEAD") and "text/html" in request.headers.get("accept", ""):
            raise LoginWanted(local(request))
        raise _unauthorized()

    async def when_started(self, request: Request) -> None:
        """Let a reader pass once the journal has been read: before, numbers and stories are half the truth.

        Raises:
            Refusal: 401, 403 or 503.
            LoginWanted: a browser asks.
        """
        await self(request)
        if self._starting():
            message = "the journal is being read; try again soon"
            raise Refusal(503, "starting", message, retry_after_seconds=3)

    async def by_token(self, request: Request) -> None:
        """Let pass who shows a token with the request itself, to change something: browsers send cookies, and
        to an open door anything, for the pages of others too.

        Raises:
            Refusal: 401 or 403.
        """
        self._require_own_name(request)
        if self.tokens.grant(request.headers.get("authorization")) is None:
            raise _unauthorized()
        if not self.tokens and "origin" in request.headers:
            raise Refusal(403, "browser_refused", "only programs may ask for this while there are no tokens")

    def _require_own_name(self, request: Request) -> None:
        if not self.tokens and not is_of_this_machine(request.headers.get("host", "")):
            message = (
                "without LOGWEIR_READ_TOKENS this is for its own machine: ask by address, or as localhost"
            )
            raise Refusal(403, "unknown_host", message)

    def knows(self, request: Request) -> bool:
        """Whether a reader asks."""
        if self.tokens.grant(request.headers.get("authorization")) is not None:
            return True
        return self.sessions.knows(request.cookies.get(COOKIE))


def local(request: Request) -> str:
    """What was asked for, without the host."""
    query = request.scope["query_string"].decode("latin-1")
    return quote(request.scope["path"], safe="/:@!$&'()*+,;=~") + (f"?{query}" if query else "")


def _unauthorized() -> Refusal:
    message = "send Authorization: Bearer TOKEN with one of LOGWEIR_READ_TOKENS"
    return Refusal(401, "unauthorized", message)

"""Whether what somebody enters is an id, and of which story."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final

from logweir_service.expose.events import LookUp
from logweir_service.find import Asked, IdKind
from logweir_service.find.story.moment import read

from .marks import story

_LEAST_CHARACTERS: Final = 8
"""Of an id that is not a correlation id; shorter ones are words."""


def identifier(look_up: LookUp) -> Callable[[str], Coroutine[Any, Any, str | None]]:
    """Finds the path of the story that an id belongs to, or None.

    Words are only looked for among correlation ids, for which the whole journal is indexed.
    """

    async def identify(text: str) -> str | None:
        path = await _path(text, "correlation_id")
        if path is not None:
            return path.partition("#")[0]
        if len(text) < _LEAST_CHARACTERS or not any(map(str.isdigit, text)):
            return None
        path = await _path(text, "event_id")
        if path is not None:
            return path
        path = await _path(text, "trace_id")
        return None if path is None else path.partition("#")[0]

    async def _path(text: str, kind: IdKind) -> str | None:
        page = await look_up(Asked(text, kind, limit=1))
        return (story(read(page.events[0])) or None) if page.events else None

    return identify

"""Stories for pages, out of a list."""

from collections.abc import Callable, Sequence

from logweir_service.event import StoredEvent
from logweir_service.expose.story import Chapter, Find


def first_chapter(stories: Callable[..., Sequence[StoredEvent]]) -> Find:
    """The events of a correlation id that ``stories(id, limit=...)`` gives, of which there is one page."""

    async def find(identifier: str, limit: int, cursor: str | None) -> Chapter:
        found = stories(identifier, limit=limit + 1)
        return Chapter(found[:limit], partial="limit" if len(found) > limit else None)

    return find

"""Searches for pages: what ``/v1/search`` answers as JSON, as events."""

from __future__ import annotations

from datetime import UTC, datetime

from logweir_service.errors import JobFailed, Refusal
from logweir_service.event import StoredEvent
from logweir_service.expose import search as json
from logweir_service.find import Found

from .asked import Asked
from .search import Answer, Searcher


def searcher(run: json.RunSearch) -> Searcher:
    """Searches that `run` does."""

    async def search(asked: Asked, *, limit: int, deadline_seconds: float) -> Answer:
        question = json.Asked(
            q=asked.text,
            where=asked.where,
            since=asked.since,
            until=asked.until,
            cursor=asked.cursor,
            limit=limit,
            deadline=deadline_seconds,
        ).read()
        events: list[StoredEvent] = []
        answer = Answer(events)
        try:
            async with run(question) as found:
                async for each in found:
                    if isinstance(each, Found):
                        place = each.place
                        events.append(StoredEvent(place.lsn, place.index, 0.0, each.line))
                        continue
                    answer = Answer(
                        events,
                        next=None if each.next is None else str(each.next),
                        partial=each.partial,
                        looked_at=each.events,
                        oldest=None if each.oldest is None else datetime.fromtimestamp(each.oldest, UTC),
                    )
        except JobFailed:
            message = "the search could not be done; the service's log says why"
            raise Refusal(503, "search_failed", message, retry_after_seconds=5) from None
        return answer

    return search

"""A story as JSON: what its page shows, for programs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from .stack import Raised
from .timeline import Row, Timeline


def story_as_json(
    identifier: str, story: Timeline, *, next_cursor: str | None = None, partial: str | None = None
) -> bytes:
    """One JSON object: the summary, the error to look at first, and `events`, byte for byte, with `rows`.

    ``rows[n]`` says where ``events[n]`` stands. Times are RFC 3339, lengths of time are in seconds. Texts are
    `visible`, but in `events`.
    """
    told = _summary(identifier, story) | {
        "first_error": None if story.first_error is None else _error(story.first_error, story.before),
        "next": next_cursor,
        "partial": partial,
        "rows": [_row(row) for row in story.rows],
        "events": [msgspec.Raw(row.stored.line) for row in story.rows],
    }
    return msgspec.json.encode(told) + b"\n"


def _summary(identifier: str, story: Timeline) -> dict[str, Any]:
    return {
        "id": identifier,
        "correlation_id": story.correlation_id or None,
        "count": len(story.rows),
        "begin": _time(story.begin) if story.rows else None,
        "end": _time(story.end) if story.rows else None,
        "duration_seconds": story.duration,
        "took_seconds": round(story.took, 6),
        "services": story.services,
        "users": story.users,
        "error_count": story.error_count,
        "clocks_ahead_seconds": {service: round(ahead, 6) for service, ahead in story.skews.items()},
        "gap_at_end_seconds": round(story.gap_at_end, 6),
    }


def _error(row: Row, before: Sequence[Row]) -> dict[str, Any]:
    return {
        "row": row.number,
        "service": row.service,
        "event": row.name,
        "level": row.level,
        "told": row.told,
        "exceptions": [_raised(each) for each in row.exceptions()],
        "before": [each.number for each in before],
    }


def _raised(raised: Raised) -> dict[str, Any]:
    return {
        "type": raised.type,
        "value": raised.value,
        "relation": raised.relation or None,
        "frames": [
            {
                "filename": frame.filename,
                "lineno": frame.lineno,
                "function": frame.function,
                "source": frame.source,
                "in_app": frame.in_app,
            }
            for frame in raised.frames
        ],
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "lsn": row.stored.lsn,
        "index": row.stored.index,
        "service": row.service,
        "level": row.level,
        "event": row.name,
        "told": row.told,
        "at": _time(row.at),
        "offset_seconds": row.offset,
        "began_seconds": round(row.began, 6),
        "duration_seconds": row.duration,
        "depth": row.depth,
        "inside_of": row.parent,
        "gap_before_seconds": round(row.gap_before, 6) if row.gap_is_notable else 0,
        "is_error": row.is_error,
    }


def _time(moment: datetime) -> str:
    return f"{moment.isoformat(timespec='microseconds').removesuffix('+00:00')}Z"

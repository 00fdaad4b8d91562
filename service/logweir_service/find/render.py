"""A story as a person reads it in a terminal: one line an event, errors with their stack."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from logweir.fields import RESERVED
from logweir_service.lenient import read_moment

from .visible import visible

_COLOURS = {"debug": "2", "info": "36", "warning": "33", "error": "31", "critical": "1;31"}

_MAX_FRAMES = 6
_SUMMED_UP = frozenset({"cache_operation", "cache_name", "cache_result", "peer_service", "server_address"})


def render_story(events: Sequence[Mapping[str, Any]], *, colour: bool = False) -> Iterator[str]:
    """The lines of a story whose `events`, as `read_object` reads them, are in order.

    Control characters are made visible.
    """
    if not events:
        return
    services = [*dict.fromkeys(str(event.get("service")) for event in events)]
    errors = sum(event.get("level") in ("error", "critical") for event in events)
    yield (
        f"{visible(str(events[0].get('correlation_id')))}: {_count(len(events), 'event')}, "
        f"{_count(errors, 'error')}, {_count(len(services), 'service')} ({visible(', '.join(services))})"
    )
    service_width = max(len(visible(service)) for service in services)
    name_width = min(max(len(str(event.get("event"))) for event in events), 28)
    day = ""
    for event in events:
        moment = _moment(event)
        if moment[:10] != day:
            day = moment[:10]
            yield f"-- {day} UTC"
        level = str(event.get("level"))
        row = (
            f"{moment[11:]}  {visible(str(event.get('service'))):{service_width}}  {level:8}  "
            f"{visible(str(event.get('event'))):{name_width}}  {visible(_told(event))}"
        ).rstrip()
        yield f"\x1b[{_COLOURS.get(level, '0')}m{row}\x1b[0m" if colour else row
        yield from _stack(event)


def _told(event: Mapping[str, Any]) -> str:
    """What happened, in a few words."""
    parts = []
    if "http_request_method" in event:
        target = event.get("http_route") or event.get("url_path") or ""
        parts += [event["http_request_method"], target, event.get("http_response_status_code")]
    parts += [
        event.get(key)
        for key in (
            "db_query_summary" if "db_query_summary" in event else "db_operation_name",
            "db_collection_name" if "db_query_summary" not in event else "",
            "cache_operation",
            "cache_name",
            "cache_result",
        )
    ]
    if event.get("peer_service"):
        parts.append(f"-> {event['peer_service']}")
    duration = event.get("duration_seconds")
    if isinstance(duration, int | float):
        parts.append(f"{float(duration) * 1000:.1f} ms")
    error_type = event.get("error_type")
    parts += [
        event.get("message"),
        None if error_type == str(event.get("http_response_status_code")) else error_type,
    ]
    if event.get("user_id"):
        parts.append(f"user={event['user_id']}")
    parts += [f"{key}={value}" for key, value in _others(event)]
    return " ".join(str(part) for part in parts if part not in (None, ""))


def _others(event: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Fields of the application's own, which tell more than the reserved ones left over."""
    for key, value in event.items():
        if (
            key not in RESERVED
            and key not in _SUMMED_UP
            and key[:1] != "_"
            and not isinstance(value, dict | list)
        ):
            yield key, value


def _stack(event: Mapping[str, Any]) -> Iterator[str]:
    for number, link in enumerate(_mappings(event.get("exception"))):
        relation = (
            "" if number == 0 else f"{'caused by' if link.get('relation') == 'cause' else 'while handling'} "
        )
        yield visible(f"      {relation}{link.get('type')}: {link.get('value')}")
        frames = _mappings(link.get("frames"))
        own = [frame for frame in frames if frame.get("in_app")] or frames
        for frame in own[-_MAX_FRAMES:]:
            place = f"{frame.get('filename')}:{frame.get('lineno')} in {frame.get('function')}"
            source = str(frame.get("context_line") or "").strip()
            yield visible(f"        {place}{'    ' + source if source else ''}")


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    """The mappings in a list that a sender may have filled with anything."""
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def _moment(event: Mapping[str, Any]) -> str:
    moment = read_moment(event.get("timestamp"))
    if moment is None:
        return "????-??-?? ??:??:??.???"
    return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"

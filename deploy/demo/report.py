"""The report: what was found, for a person to read, and whether it is as it should be."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from textwrap import wrap
from typing import Final

from prometheus_client.samples import Sample

from deploy.demo.findings import Fields, Findings, Places

SHOWN: Final[tuple[tuple[str, dict[str, str]], ...]] = (
    ("http_requests_total", {"service": "shop", "endpoint": "/checkout"}),
    ("http_requests_total", {"service": "shop", "endpoint": "unmatched"}),
    ("http_request_duration_seconds_count", {"service": "payments", "endpoint": "/charges"}),
    ("db_queries_total", {"service": "shop", "table": "orders"}),
    ("cache_hits_total", {"service": "shop"}),
    ("cache_misses_total", {"service": "shop"}),
    ("external_api_calls_total", {"service": "shop", "target": "payments"}),
    ("errors_total", {}),
)
"""What is shown of /metrics; each of these must be there."""

_MAX_FRAMES = 4
_MAX_BREADCRUMBS = 8
_TEXT_WIDTH = 90


def counts(found: Findings) -> Iterator[str]:
    """How many events there were, and what was counted from them."""
    emitted = ", ".join(f"{count} by {name}" for name, count in found.emitted.items())
    yield f"  {found.value('logweir_events_accepted_total')} events accepted: {emitted}"
    yield f"  {_troubles(found)}"


def metrics(found: Findings) -> Iterator[str]:
    """Some lines of /metrics, their numbers below each other."""
    shown = [sample for name, labels in SHOWN for sample in found.series(name, **labels)]
    texts = [_series(sample) for sample in shown]
    width = max(map(len, texts), default=0)
    for text, sample in zip(texts, shown, strict=True):
        yield f"  {text:{width}}  {sample.value:5.0f}"


def sentry(event: Fields) -> Iterator[str]:
    """A Sentry event, shortened: what Sentry shows first."""
    values = event.get("exception", {}).get("values", [])
    for number, value in enumerate(reversed(values)):
        yield _row("exception" if number == 0 else "caused by", f"{value['type']}: {value['value']}")
        frames = value.get("stacktrace", {}).get("frames", [])
        for frame in [each for each in frames if each.get("in_app")][-_MAX_FRAMES:]:
            place = f"{frame['filename']}:{frame['lineno']} in {frame['function']}"
            yield _row("", f"  {place}    {frame.get('context_line', '')}")
    yield _row("user", _pairs(event.get("user", {})))
    request = event.get("request", {})
    yield _row("request", f"{request.get('method')} {request.get('url')}")
    for number, line in enumerate(wrap(_pairs(event.get("tags", {})), _TEXT_WIDTH)):
        yield _row("" if number else "tags", line)
    crumbs = _breadcrumbs(event)
    yield _row("breadcrumbs", f"{len(crumbs)}, the last of them:")
    for crumb in crumbs[-_MAX_BREADCRUMBS:]:
        moment = datetime.fromtimestamp(crumb["timestamp"], UTC)
        time = f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03}"
        yield _row("", f"{time}  {crumb['category']:22}  {crumb['message']}")


def addresses(found: Findings, places: Places) -> Iterator[str]:
    """What to open and to type."""
    yield _row("the story", f"{places.service}/c/{found.correlation_id}")
    yield _row("search", f"{places.service}/")
    yield _row("live tail", f"{places.service}/tail")
    yield _row("catalogue", f"{places.service}/metrics-catalogue")
    yield _row("its state", f"{places.service}/status")
    yield _row("metrics", f"{places.service}/metrics")
    yield _row("shop", f"{places.shop}/docs")
    yield _row("payments", f"{places.payments}/docs")
    yield _row("or type", shlex.join(found.grep))
    yield _row("the state", shlex.join(found.status))


def faults(found: Findings, *, sentry_expected: bool) -> Iterator[str]:
    """Everything that is not as it should be, a line for each."""
    accepted, emitted = found.value("logweir_events_accepted_total"), sum(found.emitted.values())
    if not accepted:
        yield "no event was accepted"
    if accepted != emitted:
        yield f"{emitted} events were emitted, but {accepted} accepted"
    if (troubles := _troubles(found)) != _NO_TROUBLE:
        yield troubles
    for name, labels in SHOWN:
        if not found.series(name, **labels):
            yield f"/metrics has no {_series(Sample(name, labels, 0))}"
    counted = found.value("http_requests_total", service="shop")
    if counted != found.requests:
        yield f"the shop was asked {found.requests} times, but http_requests_total says {counted}"
    yield from _faults_of_story(found)
    yield from _faults_of_sentry_event(found.sentry_event)
    if sentry_expected and not _was_sent(found):
        yield "Sentry has not taken the event that SENTRY_DSN should bring it"


def sentry_heading(found: Findings, *, sentry_expected: bool) -> str:
    """What was done with the Sentry event."""
    if not sentry_expected:
        return "The Sentry event made of it (not sent, since SENTRY_DSN is not set)"
    if not _was_sent(found):
        return "The Sentry event made of it (Sentry has NOT taken it)"
    return f"The Sentry event made of it, sent as {found.sent_as}"


def _faults_of_story(found: Findings) -> Iterator[str]:
    services = {event["service"] for event in found.story}
    if services != {"shop", "payments"}:
        yield f"the story is of {', '.join(sorted(services)) or 'no service'}, not of payments and shop"
    if not any(event["level"] == "error" and event.get("exception") for event in found.story):
        yield "the story holds no exception"


def _faults_of_sentry_event(event: Fields | None) -> Iterator[str]:
    if event is None:
        yield "no Sentry event was made of the exception"
        return
    if not all(value.get("stacktrace", {}).get("frames") for value in event["exception"]["values"]):
        yield "the Sentry event has an exception without frames"
    if not event.get("user", {}).get("id"):
        yield "the Sentry event has no user"
    if not event.get("request"):
        yield "the Sentry event has no request"
    services = {crumb["category"].partition(".")[0] for crumb in _breadcrumbs(event)}
    if services != {"shop", "payments"}:
        yield f"the Sentry event's breadcrumbs are of {', '.join(sorted(services)) or 'no service'} alone"


_NO_TROUBLE: Final = "none rejected, none lost, none dropped"


def _troubles(found: Findings) -> str:
    rejected = found.value("logweir_events_rejected_total")
    lost = found.value("logweir_events_lost_total")
    if not (rejected or lost or found.dropped):
        return _NO_TROUBLE
    return f"{rejected} events rejected, {lost} lost, dropped by shippers: {dict(found.dropped) or 'none'}"


def _was_sent(found: Findings) -> bool:
    return found.sent_as is not None and not found.value("logweir_promote_dead_total")


def _breadcrumbs(event: Fields) -> list[Fields]:
    crumbs: list[Fields] = event.get("breadcrumbs", {}).get("values", [])
    return crumbs


def _series(sample: Sample) -> str:
    """A series as it stands in /metrics, without the environment, which is the same everywhere here."""
    labels = ",".join(f'{key}="{value}"' for key, value in sample.labels.items() if key != "environment")
    return f"{sample.name}{{{labels}}}" if labels else sample.name


def _row(name: str, text: str) -> str:
    return f"  {name:12} {text}".rstrip()


def _pairs(fields: Fields) -> str:
    return "  ".join(f"{key}={value}" for key, value in fields.items())

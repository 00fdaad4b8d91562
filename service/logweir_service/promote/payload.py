"""The Sentry event that is made of one stored event: a pure function of journal and rules."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any, Final, NamedTuple
from uuid import UUID

from logweir.fields import UNNAMED_EVENT
from logweir_service.event import StoredEvent, identity
from logweir_service.promote.exception import exception_values
from logweir_service.promote.request import sentry_request, transaction
from logweir_service.promote.story import SENTRY_LEVELS, Moment, Story, headline, read
from logweir_service.rules.model import PromoteRule

SDK: Final = {"name": "logweir", "version": version("logweir")}

MAX_TAG_VALUE: Final = 200
MAX_TAG_KEY: Final = 32
"""Sentry refuses longer tags."""

SAID_ELSEWHERE: Final = frozenset(
    """
    event service level timestamp correlation_id message message_template logger environment service_version
    server_name exception promote tags trace_id span_id parent_span_id client_address user_agent_original
    http_request_headers http_request_method http_route url_path url_query http_response_status_code event_id
    """.split()
)
"""Fields that have a place of their own in a Sentry event, or that are private; all others go into
``contexts.log``."""

TRACE_ID: Final = re.compile(r"[0-9a-f]{32}")
SPAN_ID: Final = re.compile(r"[0-9a-f]{16}")
NUMBERS: Final = re.compile(r"0x[0-9a-fA-F]+|[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}|\d+")
NOT_IN_A_TAG_KEY: Final = re.compile(r"[^a-zA-Z0-9_.:-]")


class Defaults(NamedTuple):
    """What an event that does not name it itself is said to come from."""

    environment: str | None = None
    release: str | None = None


def sentry_event(
    error: StoredEvent,
    *,
    journal: UUID,
    story: Iterable[StoredEvent],
    rule: PromoteRule,
    defaults: Defaults = Defaults(),  # noqa: B008 - immutable
) -> dict[str, Any]:
    """Build the Sentry event of `error`, told with the `story` of its correlation id.

    It depends on what was received up to the rule's grace time after the error and on nothing later, so that
    building it again gives the same event with the same id.
    """
    moment = read(error)
    fields = moment.fields
    told = Story(moment, story, until=error.received + rule.breadcrumbs.grace_seconds)
    event: dict[str, Any] = {
        "event_id": identity(journal, error.lsn, error.index).hex,
        "timestamp": moment.at,
        "platform": "python",
        "level": SENTRY_LEVELS.get(fields["level"], "error"),
        "logger": _text(fields.get("logger"), fields["service"]),
        "release": _text(fields.get("service_version"), defaults.release),
        "environment": _text(fields.get("environment"), defaults.environment),
        "server_name": _text(fields.get("server_name"), fields.get("service_instance_id")),
        "sdk": SDK,
        "logentry": _log_entry(fields),
        "tags": _tags(fields, rule.tags),
        "contexts": _contexts(fields),
        "user": told.user(rule.user),
        "breadcrumbs": {
            "values": told.breadcrumbs(
                last=rule.breadcrumbs.last, within_seconds=rule.breadcrumbs.within_seconds
            )
        },
    }
    if request := told.request():
        event |= {
            "request": sentry_request(request),
            "transaction": transaction(request),
            "transaction_info": {"source": "route" if request.get("http_route") else "url"},
        }
    event |= _grouping(moment, rule)
    return {key: value for key, value in event.items() if value not in (None, {})}


def _text(*values: object) -> str | None:
    """The first of `values` that is a text: a server refuses a whole event for one field of another type."""
    return next((value for value in values if isinstance(value, str) and value), None)


def _grouping(moment: Moment, rule: PromoteRule) -> dict[str, Any]:
    """The stack trace where there is one, which groups best; else a fingerprint."""
    values = exception_values(moment.fields.get("exception"))
    grouping: dict[str, Any] = {"exception": {"values": values}} if values else {}
    if not values or rule.force_fingerprint:
        grouping["fingerprint"] = fingerprint(moment.fields, rule.fingerprint)
    return grouping


def fingerprint(fields: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    """What makes two errors without a stack trace the same issue: the values of the fields named.

    An event that brings only a message would fall together with all others of its kind: it is told apart by
    its template, or by its text without the numbers.
    """
    parts = [str(fields[name]) for name in names if fields.get(name) is not None]
    if fields["event"] == UNNAMED_EVENT or not parts:
        text = fields.get("message_template") or NUMBERS.sub(
            "#", str(fields.get("message") or fields["event"])
        )
        parts.append(str(text))
    return parts


def _log_entry(fields: Mapping[str, Any]) -> dict[str, str]:
    text = str(fields.get("message") or headline(fields))
    return {"formatted": text, "message": str(fields.get("message_template") or text)}


def _tags(fields: Mapping[str, Any], names: Iterable[str]) -> dict[str, str]:
    own = fields.get("tags")
    known = {name: fields.get(name) for name in ("event", "service", "environment", "correlation_id", *names)}
    tags = known | (own if isinstance(own, dict) else {})
    return {
        NOT_IN_A_TAG_KEY.sub("_", key)[:MAX_TAG_KEY]: text
        for key, value in tags.items()
        if (text := _tag_text(value))
    }


def _tag_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float):
        return ""
    return " ".join(str(value).split())[:MAX_TAG_VALUE]


def _contexts(fields: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    log = {key: value for key, value in fields.items() if key not in SAID_ELSEWHERE and value is not None}
    if "type" in log:
        log["type_"] = log.pop("type")  # in a context this key says how to read the others
    contexts = {"log": log, "trace": _trace(fields)}
    status = fields.get("http_response_status_code")
    if type(status) is int:
        contexts["response"] = {"type": "response", "status_code": status}
    return {name: context for name, context in contexts.items() if context}


def _trace(fields: Mapping[str, Any]) -> dict[str, str]:
    trace_id = str(fields.get("trace_id") or fields.get("correlation_id"))
    span_id = str(fields.get("span_id"))
    if not (TRACE_ID.fullmatch(trace_id) and SPAN_ID.fullmatch(span_id)):
        return {}
    trace = {"type": "trace", "trace_id": trace_id, "span_id": span_id}
    parent = str(fields.get("parent_span_id"))
    return trace | ({"parent_span_id": parent} if SPAN_ID.fullmatch(parent) else {})

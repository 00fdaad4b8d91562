"""Links from events to where else they can be seen."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class Links:
    """The templates that an operator has set; an empty one leads nowhere."""

    sentry_issue_url: str = ""
    """With ``{event_id}``: 32 hex digits, the event's id in Sentry."""
    trace_url: str = ""
    """With ``{trace_id}``."""

    def to_issue(self, event_id: str) -> str | None:
        """Where Sentry shows an error."""
        return _filled(self.sentry_issue_url, "event_id", event_id)

    def to_trace(self, trace_id: str) -> str | None:
        """Where a trace is shown."""
        return _filled(self.trace_url, "trace_id", trace_id)


def _filled(template: str, placeholder: str, value: str) -> str | None:
    if not template or not value:
        return None
    return template.replace(f"{{{placeholder}}}", quote(value, safe=""))

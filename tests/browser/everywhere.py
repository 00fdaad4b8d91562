"""Every page there is, by a name."""

from __future__ import annotations

from typing import Final

from tests.browser.application import HOSTILE, LONG, ORDER

PAGES: Final = {
    "home": "/",
    "found": "/?q=service:shop%20level:error",
    "found scripts": "/?q=comment",
    "found nothing": "/?q=%3Cscript%3Ealert(1)%3C/script%3E",
    "story": f"/c/{ORDER}",
    "hostile story": f"/c/{HOSTILE}",
    "long story": f"/c/{LONG}",
    "no story": "/c/nobody-sent-this",
    "tail": "/tail",
    "status": "/status",
    "catalogue": "/metrics-catalogue",
    "one metric": "/metrics-catalogue?q=http_request_duration",
    "no page": "/nothing/here",
}
"""For whoever has entered the token."""

"""Refusals as a page, for those who look with a browser."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from fastapi import Request, Response

from .page import Pages

_TITLES: Final = {
    400: "That question cannot be asked",
    401: "Enter a token first",
    403: "Not for this token",
    404: "Nothing here",
    405: "Not in this way",
    503: "Not yet",
}
_NO_SUCH_PAGE: Final = "No page has this address."
_OF_MACHINES: Final = ("/v1/", "/-/", "/metrics")


def wants_page(request: Request) -> bool:
    """Whether a person looks: a browser asks for HTML, and not at one of the doors for machines."""
    path = request.url.path
    for_machines = path.startswith(_OF_MACHINES[:2]) or path == _OF_MACHINES[2] or path.endswith("json")
    return "text/html" in request.headers.get("accept", "") and not for_machines


def trouble_page(pages: Pages, status: int, message: str) -> Response:
    """The page that says why there is none."""
    title = _TITLES.get(status, "That did not work")
    if (status, message) == (404, HTTPStatus.NOT_FOUND.phrase):
        message = _NO_SUCH_PAGE
    return pages.page("trouble.html", status=status, title=title, message=message)

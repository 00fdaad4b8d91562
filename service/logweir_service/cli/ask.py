"""Asking a running service, with every trouble as one line."""

from __future__ import annotations

from collections.abc import Mapping

import urllib3

from logweir_service.errors import LookUpFailed, told_by_system
from logweir_service.find import visible
from logweir_service.lenient import read_object


def ask(url: str, path: str, *, token: str, fields: Mapping[str, str] | None = None) -> bytes:
    """What the service at `url` answers to a GET of `path`.

    Raises:
        LookUpFailed: it cannot be reached, or answered with anything but 200.
    """
    place = f"{url.rstrip('/')}{path}"
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        answer = urllib3.request("GET", place, fields=fields, headers=headers, timeout=30, retries=False)
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        raise LookUpFailed(f"{place} cannot be asked: {told_by_system(error) or error}") from None
    return expect_ok(place, answer)


def expect_ok(place: str, answer: urllib3.BaseHTTPResponse) -> bytes:
    """The body of an answer.

    Raises:
        LookUpFailed: it is anything but 200; in one line that shows what was answered.
    """
    if answer.status != 200:
        raise LookUpFailed(f"{place} answered {answer.status}: {_told(answer)}")
    return answer.data


def _told(answer: urllib3.BaseHTTPResponse) -> str:
    if answer.status == 401:
        return "give one of its LOGWEIR_READ_TOKENS as LOGWEIR_READ_TOKEN or with --token"
    try:
        return visible(str(read_object(answer.data)["message"]))
    except (ValueError, KeyError):
        return visible(answer.data[:200].decode(errors="replace").strip())

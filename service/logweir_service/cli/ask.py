"""Asking a running service, with every trouble as one line."""

from __future__ import annotations

from collections.abc import Mapping

import urllib3

from logweir_service.errors import LookUpFailed


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
        raise LookUpFailed(f"{place} cannot be asked: {error}") from None
    if answer.status != 200:
        raise LookUpFailed(f"{place} answered {answer.status}: {answer.data.decode(errors='replace')[:200]}")
    return answer.data

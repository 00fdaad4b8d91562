"""A small form that a browser sends."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl

from fastapi import Request

from logweir_service.errors import Refusal

MAX_FORM_BYTES: Final = 4096

_TYPE: Final = "application/x-www-form-urlencoded"


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form; of one that is there twice, the last.

    Raises:
        Refusal: 415 or 413, or 400 where it cannot be read.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _TYPE:
        raise Refusal(415, "unknown_type", f"send {_TYPE}")
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_FORM_BYTES:
            raise Refusal(413, "too_large", f"a form has at most {MAX_FORM_BYTES} bytes")
    try:
        fields = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=16)
    except ValueError:
        raise Refusal(400, "invalid_form", "the form cannot be read") from None
    return dict(fields)

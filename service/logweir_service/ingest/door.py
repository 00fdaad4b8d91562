"""``POST /v1/events`` as a plain ASGI application: a framework would cost more than the work itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import orjson

from logweir import fields
from logweir_service.access import Grant, Tokens
from logweir_service.decode import ArrayReader, Rejection
from logweir_service.errors import Refusal
from logweir_service.limits import Limits
from logweir_service.pipeline import MAX_SEQ, Delivery, Pipeline, Receipt

from .body import SenderGone, read_body, unpack
from .mishaps import Mishaps
from .refusals import Refusals

ANSWERED: Final = "logweir.answered"
"""Stands in a scope whose request was refused, and told of, while its body was still coming."""

_AT_ONCE_BYTES = 256 << 10
"""An array up to here is taken apart on the spot, a larger one in a thread."""

_MAX_LISTED_REJECTIONS = 100
_STREAM = fields.STREAM_HEADER.lower().encode()
_SCRUBBED = fields.SCRUBBED_HEADER.lower().encode()
_SEQ = fields.SEQ_HEADER.lower().encode()

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(slots=True)
class IngestDoor:
    """Authenticates, limits, decompresses, hands on, and answers with a receipt or one clear refusal."""

    pipeline: Pipeline
    tokens: Tokens
    limits: Limits
    refusals: Refusals
    mishaps: Mishaps = field(default_factory=Mishaps)
    arrays: ArrayReader = field(init=False)

    def __post_init__(self) -> None:
        """Make what reads arrays once: it takes a while."""
        self.arrays = ArrayReader(self.limits)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        headers = dict(scope["headers"])
        try:
            grant = self._authenticate(headers)
            with self.pipeline.receiving() as take:
                delivery = await self._delivery(headers, receive, grant, take=take)
            receipt = await self.pipeline.submit(delivery)
        except SenderGone:
            if ANSWERED not in scope:
                self.refusals.tell(_peer(scope), "hung up in the middle of a body; nothing of it was stored")
            return
        except Refusal as refusal:
            self._refused(_peer(scope), refusal)
            await _answer(send, refusal.status, _refused(refusal), retry_after=refusal.retry_after())
            return
        self.pipeline.telemetry.requests.labels("200", "").inc()
        self.mishaps.tell(_peer(scope), receipt)
        await _answer(send, 200, _received(receipt))

    def _refused(self, sender: str, refusal: Refusal) -> None:
        self.refusals.count(refusal.status, refusal.code)
        if refusal.status < 500:  # else it is not the sender's fault, and the service tells of it elsewhere
            told = f"{refusal.status} {refusal.code}, {refusal.message}"
            self.refusals.tell(sender, told, service=refusal.service)

    def _authenticate(self, headers: dict[bytes, bytes]) -> Grant:
        grant = self.tokens.grant(headers.get(b"authorization", b"").decode("latin-1"))
        if grant is None:
            raise Refusal(
                401, "unauthorized", "send Authorization: Bearer TOKEN with a token of this service"
            )
        return grant

    async def _delivery(
        self, headers: dict[bytes, bytes], receive: Receive, grant: Grant, *, take: Callable[[int], None]
    ) -> Delivery:
        stream, seq = _identity(headers)
        is_array = _is_array(headers.get(b"content-type", b"").decode("latin-1"))
        encoding = headers.get(b"content-encoding", b"").decode("latin-1")
        declared = headers.get(b"content-length", b"").decode("latin-1") or None
        wire = await read_body(receive, declared=declared, limits=self.limits, take=take)
        body = await unpack(wire, encoding, self.limits)
        if is_array and len(body) > _AT_ONCE_BYTES:
            body = await asyncio.to_thread(self.arrays.lines, body)
        elif is_array:
            body = self.arrays.lines(body)
        if not body or body.isspace():
            raise Refusal(400, "empty_body", "the body holds no events")
        lines = body if body.endswith(b"\n") else body + b"\n"
        return Delivery(lines, stream, seq, grant, scrubbed=headers.get(_SCRUBBED, b"").strip() == b"1")


def _identity(headers: dict[bytes, bytes]) -> tuple[str | None, int | None]:
    """The stream and first number that the sender states: both or neither."""
    stream, seq = headers.get(_STREAM), headers.get(_SEQ)
    if stream is None and seq is None:
        return None, None
    if stream is None or seq is None:
        message = f"{fields.STREAM_HEADER} and {fields.SEQ_HEADER} go together"
        raise Refusal(400, "half_identity", message)
    try:
        known = str(UUID(stream.decode("ascii")))
        number = int(seq) if seq.isdigit() and len(seq) < 20 else 0
    except ValueError:
        raise Refusal(400, "invalid_identity", f"{fields.STREAM_HEADER} must be a UUID") from None
    if not 1 <= number < MAX_SEQ:
        raise Refusal(400, "invalid_identity", f"{fields.SEQ_HEADER} must be a number from 1 on")
    return known, number


def _is_array(content_type: str) -> bool:
    match content_type.partition(";")[0].strip().lower():
        case "application/x-ndjson":
            return False
        case "application/json":
            return True
    raise Refusal(415, "unknown_type", "Content-Type must be application/x-ndjson or application/json")


def _received(receipt: Receipt) -> dict[str, Any]:
    return {
        "accepted": receipt.accepted,
        "duplicate": receipt.duplicate,
        "rejected_count": len(receipt.rejections),
        "rejected": [_rejected(rejection) for rejection in receipt.rejections[:_MAX_LISTED_REJECTIONS]],
        "next_seq": receipt.next_seq,
    }


def _rejected(rejection: Rejection) -> dict[str, Any]:
    return {
        "index": rejection.index,
        "code": rejection.code,
        "field": rejection.field,
        "message": rejection.message,
    }


def _refused(refusal: Refusal) -> dict[str, Any]:
    return {"error": refusal.code, "message": refusal.message}


async def _answer(
    send: Send, status: int, content: dict[str, Any], *, retry_after: int | None = None
) -> None:
    body = orjson.dumps(content, option=orjson.OPT_APPEND_NEWLINE)
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if retry_after is not None:
        headers.append((b"retry-after", b"%d" % retry_after))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _peer(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else "an unknown address"

"""A request's body: read and decompressed in bounded steps, whatever its headers claim."""

from __future__ import annotations

import asyncio
import sys
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from logweir_service.errors import Refusal
from logweir_service.limits import Limits

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_GZIP_WINDOW_BITS = 31

_MAX_MEMBERS = 100
"""Members of a gzip, or frames of a zstd body; each costs a copy of what stands behind it."""


_AT_ONCE_BYTES = 512 << 10
"""What is decompressed on the spot, in a millisecond or two; the body of a shipper seldom holds more."""


class SenderGone(Exception):
    """The client hung up before its body was complete."""


async def read_body(
    receive: Callable[[], Awaitable[Any]],
    *,
    declared: str | None,
    limits: Limits,
    take: Callable[[int], None],
) -> bytes:
    """Read a body of at most `limits.max_wire_bytes`; `take` is asked before each piece of it is kept.

    Raises:
        Refusal: 413, as soon as it is known to be larger; or what `take` refuses with.
        SenderGone: the connection ended first.
    """
    if declared is not None and declared.isdigit() and int(declared) > limits.max_wire_bytes:
        raise _too_large("body", limits.max_wire_bytes)
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise SenderGone
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limits.max_wire_bytes:
            raise _too_large("body", limits.max_wire_bytes)
        take(len(chunk))
        chunks.append(chunk)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def unpack(body: bytes, encoding: str, limits: Limits) -> bytes:
    """`decompress`, in a thread where that takes long: zlib and zstd let go of the interpreter meanwhile.

    Raises:
        Refusal: as `decompress` does.
    """
    at_once = replace(limits, max_body_bytes=min(_AT_ONCE_BYTES, limits.max_body_bytes))
    try:
        return decompress(body, encoding, at_once)
    except Refusal as refusal:
        if refusal.status != 413:
            raise
    return await asyncio.to_thread(decompress, body, encoding, limits)


def decompress(body: bytes, encoding: str, limits: Limits) -> bytes:
    """Undo a ``Content-Encoding``, never growing beyond `limits.max_body_bytes`.

    Raises:
        Refusal: 413 too large, 415 unknown encoding, 400 broken.
    """
    match encoding.strip().lower():
        case "" | "identity":
            return body
        case "gzip":
            return _bounded(body, limits, _gzip_member)
        case "zstd":
            return _bounded(body, limits, lambda rest, room: _zstd_frame(rest, room, limits))
    raise Refusal(415, "unknown_encoding", "Content-Encoding must be gzip, zstd or identity")


def _bounded(body: bytes, limits: Limits, unpack: Callable[[bytes, int], tuple[bytes, bytes]]) -> bytes:
    """Unpack member after member, as both formats may be concatenated."""
    parts: list[bytes] = []
    size = 0
    rest = body
    while rest or not parts:
        if len(parts) == _MAX_MEMBERS:
            raise Refusal(
                400, "broken_compression", f"the body has more than {_MAX_MEMBERS} compressed parts"
            )
        try:
            part, rest = unpack(rest, limits.max_body_bytes - size + 1)
        except (zlib.error, zstd.ZstdError, EOFError) as error:
            raise Refusal(400, "broken_compression", f"the body cannot be decompressed: {error}") from None
        size += len(part)
        if size > limits.max_body_bytes:
            raise _too_large("decompressed body", limits.max_body_bytes)
        parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _gzip_member(body: bytes, room: int) -> tuple[bytes, bytes]:
    decompressor = zlib.decompressobj(_GZIP_WINDOW_BITS)
    part = decompressor.decompress(body, room)
    if len(part) < room and not decompressor.eof:
        raise EOFError("it ends too early")
    return part, decompressor.unused_data


def _zstd_frame(body: bytes, room: int, limits: Limits) -> tuple[bytes, bytes]:
    window_log = limits.max_zstd_window_bytes.bit_length() - 1
    decompressor = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: window_log})
    part = decompressor.decompress(body, room)
    if len(part) < room and not decompressor.eof:
        raise EOFError("it ends too early")
    return part, decompressor.unused_data if decompressor.eof else b""


def _too_large(what: str, limit: int) -> Refusal:
    return Refusal(413, "too_large", f"the {what} has more than {limit} bytes; send smaller batches")

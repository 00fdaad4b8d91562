"""Sending events to a running service, without an identity of the sender's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeVar

import msgspec
import urllib3

from logweir_service.errors import LookUpFailed, told_by_system
from logweir_service.limits import Limits

from .ask import ask, expect_ok

_MAX_BATCH_EVENTS: Final = 100
"""As many as a receipt lists rejections, so that the verdict on each event is told."""


class _Limits(msgspec.Struct):
    max_wire_bytes: int
    max_events: int
    max_event_bytes: int
    max_depth: int
    max_keys: int


class _Rejected(msgspec.Struct):
    index: int
    code: str
    message: str


class _Receipt(msgspec.Struct):
    rejected: list[_Rejected]


_Answer = TypeVar("_Answer", _Limits, _Receipt)


class Receiver:
    """A running service that takes events."""

    def __init__(self, url: str, token: str) -> None:
        self._place = f"{url.rstrip('/')}/v1/events"
        self._headers = {"Content-Type": "application/x-ndjson"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        told = _decoded(ask(url, "/v1/limits", token=""), _Limits, f"{url.rstrip('/')}/v1/limits")
        self.limits = Limits(**msgspec.structs.asdict(told))

    def batches(self, lines: Mapping[int, bytes]) -> Iterator[list[int]]:
        """The keys of `lines`, in batches within the service's limits."""
        batch: list[int] = []
        size = 0
        most = min(_MAX_BATCH_EVENTS, self.limits.max_events)
        for key, line in lines.items():
            if batch and (len(batch) == most or size + len(line) + 1 > self.limits.max_wire_bytes):
                yield batch
                batch, size = [], 0
            batch.append(key)
            size += len(line) + 1
        if batch:
            yield batch

    def send(self, lines: Sequence[bytes]) -> dict[int, str]:
        """Send one batch; returns which of the events were refused, and why.

        Raises:
            LookUpFailed: the service cannot be reached, or took none of them.
        """
        try:
            answer = urllib3.request(
                "POST",
                self._place,
                body=b"".join(line + b"\n" for line in lines),
                headers=self._headers,
                timeout=60,
                retries=False,
            )
        except urllib3.exceptions.HTTPError as error:
            raise LookUpFailed(f"{self._place} does not answer: {told_by_system(error) or error}") from None
        rejected = _decoded(expect_ok(self._place, answer), _Receipt, self._place).rejected
        return {each.index: f"refused, {each.code}: {each.message}" for each in rejected}


def _decoded(answer: bytes, kind: type[_Answer], place: str) -> _Answer:
    try:
        return msgspec.json.decode(answer, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise LookUpFailed(f"{place} is no Logweir service: {error}") from None

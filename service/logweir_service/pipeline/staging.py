"""Putting a body into a group: which part of it is new, and what its sender will be told."""

from __future__ import annotations

import asyncio
from collections.abc import Set
from dataclasses import dataclass

from logweir_service.access import EVERY_SERVICE, Grant
from logweir_service.dead import NewLetter
from logweir_service.decode import Batch
from logweir_service.errors import Refusal
from logweir_service.journal import EventId, Group, Journal, StreamPosition, crc32

from .delivery import Delivery, Receipt


@dataclass(slots=True)
class Waiting:
    """A decoded body that waits for its commit."""

    delivery: Delivery
    batch: Batch
    body_crc32: int
    answer: asyncio.Future[Receipt]

    def reply(self, result: Receipt | Refusal) -> None:
        """Answer the sender, unless it was answered already, or has hung up meanwhile."""
        if self.answer.done():
            return
        if isinstance(result, Receipt):
            self.answer.set_result(result)
        else:
            self.answer.set_exception(result)


@dataclass(slots=True)
class Staged:
    """A body in the group that is being written."""

    waiting: Waiting
    fresh: Batch
    """What is new of it."""
    lsn: int
    """Its commit; 0 where it needs none."""
    receipt: Receipt

    def letters(self) -> list[NewLetter]:
        """What was refused of it, to be kept with its place in the sender's stream."""
        delivery = self.waiting.delivery
        first = delivery.seq
        return [
            NewLetter(
                code=refused.code,
                field=refused.field,
                message=refused.message,
                line=refused.line,
                stream=delivery.stream,
                number=None if first is None else first + refused.number,
            )
            for refused in self.fresh.rejections
        ]


def stage(journal: Journal, group: Group, waiting: Waiting) -> Staged:
    """Put what is new of a body into the group.

    Raises:
        StreamConflict: its stream was cloned; the group is as it was.
    """
    delivery, batch = waiting.delivery, waiting.batch
    known, position = 0, None
    if delivery.stream is not None and delivery.seq is not None:
        known = journal.known_of(
            group, delivery.stream, seq=delivery.seq, span=batch.span, body_crc32=waiting.body_crc32
        )
        position = StreamPosition(
            delivery.stream, delivery.seq, delivery.seq + batch.span, waiting.body_crc32, batch.closed
        )
    service = _sender(journal, group, waiting)
    never_sent = journal.left_out(group, position) if position else 0
    fresh, ids = _without_repeated(journal, group, batch.after(known))
    lsn = 0
    if _is_news(journal, group, fresh, known, position):
        same = fresh.lines is delivery.body
        lsn = journal.append(
            group,
            fresh.lines,
            count=fresh.count,
            lines_crc32=waiting.body_crc32 if same else crc32(fresh.lines),
            position=position,
            service=_only(batch.services),
            lost=fresh.lost_count,
            event_ids=ids,
        ).lsn
    duplicate = batch.count + len(batch.rejections) - fresh.count - len(fresh.rejections)
    next_seq = journal.next_seq(group, position.stream) if position else None
    receipt = Receipt(
        fresh.count,
        duplicate,
        fresh.rejections,
        next_seq,
        stream=delivery.stream,
        service=service,
        never_sent=never_sent if lsn else 0,
        dropped_by_sender=fresh.lost_count,
    )
    return Staged(waiting, fresh, lsn, receipt)


def check_grant(grant: Grant, services: Set[str]) -> None:
    """See to it that a token speaks for all of these services.

    Raises:
        Refusal: 403, naming one for which it does not.
    """
    if grant is EVERY_SERVICE:
        return
    for service in services:
        if not grant.covers(service):
            message = f"this token does not speak for service {service}; see LOGWEIR_INGEST_TOKENS"
            raise Refusal(403, "service_not_allowed", message, service=service)


def conflict(waiting: Waiting) -> Refusal:
    """The refusal of a body whose stream was cloned."""
    stream, service = waiting.delivery.stream, _only(waiting.batch.services)
    message = (
        f"stream {stream} already has other events under these numbers: two senders share one identity; "
        "open a new stream"
    )
    return Refusal(409, "stream_conflict", message, service=service)


def _only(services: Set[str]) -> str:
    return next(iter(services)) if len(services) == 1 else ""


def _sender(journal: Journal, group: Group, waiting: Waiting) -> str:
    """Whose body it is: as its events say, or those that its stream has brought before."""
    stream = waiting.delivery.stream
    if waiting.batch.services or stream is None:
        return _only(waiting.batch.services)
    return journal.service_of(group, stream)


def _without_repeated(journal: Journal, group: Group, batch: Batch) -> tuple[Batch, list[EventId]]:
    """The batch without events whose ids are known, and the ids of those left."""
    ids = [EventId.of(service, text) for _, service, text in batch.event_ids]
    repeated = {*journal.repeated(group, ids)}
    if not repeated:
        return batch, ids
    known = {batch.event_ids[place][0] for place in repeated}
    return batch.without(known), [each for place, each in enumerate(ids) if place not in repeated]


def _is_news(
    journal: Journal, group: Group, fresh: Batch, known: int, position: StreamPosition | None
) -> bool:
    """Whether a commit is needed: events, or numbers taken, or the end of a stream.

    A stream does not end in front of numbers that it has used already.
    """
    if position is None:
        return fresh.count > 0
    if known < fresh.span:
        return True
    at_end = position.next_seq >= journal.next_seq(group, position.stream)
    return fresh.closed and at_end and not journal.closed(group, position.stream)

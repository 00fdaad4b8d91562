"""Senders that do what senders may: retry, cut anew, overlap, send twice at once, end and begin again."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

from .made_events import Item, item
from .oracle import Gate, Oracle

_MAX_ITEMS = 40


class GivenUp(Exception):
    """The loop is over: what is in doubt stays so."""


class Sender(threading.Thread):
    """Sends body after body, each until it is acknowledged; `finish` ends it with nothing in doubt."""

    def __init__(self, service: str, *, port: int, oracle: Oracle, gate: Gate, seed: int) -> None:
        super().__init__(name=service, daemon=True)
        self.service = service
        self.dice = random.Random(f"{seed} {service}")
        self.finishing = threading.Event()
        self.giving_up = threading.Event()
        self._port = port
        self._oracle = oracle
        self._gate = gate
        self._doors = [http.client.HTTPConnection("127.0.0.1", port, timeout=60) for _ in range(2)]

    def run(self) -> None:
        """Send until told to finish."""
        try:
            while not self.finishing.is_set():
                self.send_some()
        except GivenUp:
            pass
        except Exception as fault:  # noqa: BLE001 - a sender that dies silently proves nothing
            self._oracle.blame(f"{self.service} cannot go on: {fault!r}")
        for door in self._doors:
            door.close()

    def send_some(self) -> None:
        """Send what comes next."""
        raise NotImplementedError

    def deliver(self, items: Sequence[Item], headers: dict[str, str], *, next_seq: int | None) -> bool:
        """Whether a body was acknowledged; sometimes it is sent twice at the same time."""
        body = b"".join(each.line for each in items)
        self._oracle.sends([each.key for each in items if each.key])
        with self._gate.passing():
            if self.giving_up.is_set():
                raise GivenUp
            if self.dice.random() < 0.05:
                answers = self._twice(body, headers)
            else:
                answers = [self._post(self._doors[0], body, headers)]
        receipts = [answer for answer in answers if answer is not None]
        for receipt in receipts:
            self._check(receipt, items, next_seq)
        if receipts:
            self._oracle.is_told([each.key for each in items if each.key])
        else:
            time.sleep(self.dice.uniform(0.005, 0.03))
        return bool(receipts)

    def _twice(self, body: bytes, headers: dict[str, str]) -> list[dict[str, Any] | None]:
        answers: list[dict[str, Any] | None] = []
        other = threading.Thread(target=lambda: answers.append(self._post(self._doors[1], body, headers)))
        other.start()
        answers.append(self._post(self._doors[0], body, headers))
        other.join()
        return answers

    def _post(
        self, door: http.client.HTTPConnection, body: bytes, headers: dict[str, str]
    ) -> dict[str, Any] | None:
        """The receipt, or None where there was no answer or a 503."""
        try:
            door.request("POST", "/v1/events", body, {"Content-Type": "application/x-ndjson"} | headers)
            answer = door.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            door.close()
            return None
        if answer.status == 200:
            with suppress(ValueError):
                receipt: dict[str, Any] = json.loads(text)
                return receipt
        if answer.status != 503:
            self._oracle.blame(f"{self.service}: {answer.status} {text!r}")
        return None

    def _check(self, receipt: dict[str, Any], items: Sequence[Item], next_seq: int | None) -> None:
        events = sum(each.is_event for each in items)
        told = receipt["accepted"] + receipt["duplicate"] + receipt["rejected_count"]
        # A longer cut of the same events may have been stored before, when its answer was lost.
        goes_on = next_seq is None or receipt["next_seq"] >= next_seq
        if told != events or not goes_on:
            self._oracle.blame(
                f"{self.service}: {events} events that end before {next_seq} got the receipt {receipt}"
            )


class StreamSender(Sender):
    """Numbers its events, as the shipper does; its streams live for one body or for many."""

    def __init__(self, service: str, *, port: int, oracle: Oracle, gate: Gate, seed: int) -> None:
        super().__init__(service, port=port, oracle=oracle, gate=gate, seed=seed)
        self._streams = 0
        self._begin()

    def send_some(self) -> None:
        """Send one body until it is acknowledged, cut anew each time."""
        if self._left <= 0:
            self._end()
            self._begin()
        start = self._next
        while self._next == start:
            first = start - (self.dice.randint(1, 10) if self.dice.random() < 0.15 else 0)
            self._send(max(first, self._floor), start + self.dice.randint(1, _MAX_ITEMS))
        self._left -= self._next - start
        if self.dice.random() < 0.1:
            self._send(start, self._next)
        if self.dice.random() < 0.02:
            self._leave_a_hole()

    def _begin(self) -> None:
        self._streams += 1
        self._prefix = f"{self.service}.{self._streams}"
        self._uuid = str(UUID(int=random.Random(f"{self.dice.random()} {self._prefix}").getrandbits(128)))
        self._items: list[Item] = []
        self._numbers: list[int] = []
        self._number = 1
        self._next = self._floor = 0
        self._left = self.dice.choice((1, 10, 100, 1000, 1000))

    def _leave_a_hole(self) -> None:
        """Numbers that are never sent; nothing is sent across them."""
        del self._items[self._next :], self._numbers[self._next :]
        self._number = self._at(self._next) + self.dice.randint(1, 3)
        self._floor = self._next

    def _end(self) -> None:
        if self.dice.random() < 0.7:
            end = Item(b'{"_closed":{}}\n', 0, None, is_event=False)
            number = self._at(self._next)
            while not self.deliver([end], self._headers(number), next_seq=number):
                pass

    def _send(self, first: int, end: int) -> None:
        while len(self._items) < end:
            self._numbers.append(self._number)
            self._items.append(item(f"{self._prefix}:{self._number}"))
            self._number += self._items[-1].span
        headers = self._headers(self._numbers[first])
        if self.deliver(self._items[first:end], headers, next_seq=self._at(end)):
            self._next = max(self._next, end)

    def _at(self, place: int) -> int:
        return self._numbers[place] if place < len(self._numbers) else self._number

    def _headers(self, number: int) -> dict[str, str]:
        return {"Logweir-Stream": self._uuid, "Logweir-Seq": str(number)}


class IdSender(Sender):
    """Knows no streams; an `event_id` tells its events."""

    def __init__(self, service: str, *, port: int, oracle: Oracle, gate: Gate, seed: int) -> None:
        super().__init__(service, port=port, oracle=oracle, gate=gate, seed=seed)
        self._count = 0

    def send_some(self) -> None:
        """Send some events until they are acknowledged, among them known ones, some twice in the body."""
        first = self._count
        self._count += self.dice.randint(1, _MAX_ITEMS)
        items = [item(f"{self.service}.e:{n}", event_id=True) for n in range(first, self._count)]
        old = range(max(0, first - 500), first)
        items += [
            item(f"{self.service}.e:{self.dice.choice(old)}", event_id=True)
            for _ in range(3)
            if old and self.dice.random() < 0.2
        ]
        if self.dice.random() < 0.05:
            items.append(items[0])
        while not self.deliver(items, {}, next_seq=None):
            self.dice.shuffle(items)

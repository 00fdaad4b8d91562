"""Shoppers: bounded, concurrent, seeded traffic, in which everything goes wrong that can."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final

import httpx

SLOW_SECONDS: Final = 0.5

Act = Callable[["Shopper"], Awaitable[None]]

UNPOOLED: Final = httpx.Limits(max_keepalive_connections=0)
"""A connection for each request: uvicorn closes it after an unhandled exception, and who takes it from a pool
at that moment reads an error."""


@dataclass
class Tally:
    """What the shoppers saw."""

    requests: int = 0
    slow: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    """Correlation ids of the requests that were answered 502, oldest first."""

    def __str__(self) -> str:
        refused = sum(self.statuses[status] for status in (402, 405, 409, 422))
        return (
            f"{self.requests} requests: {self.slow} slow, {self.statuses[404]} not found, "
            f"{refused} refused, {len(self.failed)} failed"
        )


@dataclass
class Shopper:
    """One user, who does one thing after another."""

    name: str
    client: httpx.AsyncClient
    tally: Tally
    dice: Random

    async def ask(self, method: str, path: str, json: object = None) -> httpx.Response:
        """Make one request and count it."""
        began = time.monotonic()
        answer = await self.client.request(method, path, json=json, headers={"X-User": self.name})
        self.tally.requests += 1
        self.tally.slow += time.monotonic() - began > SLOW_SECONDS
        self.tally.statuses[answer.status_code] += 1
        if answer.status_code == 502:
            self.tally.failed.append(answer.headers["X-Correlation-ID"])
        return answer

    async def browse(self) -> None:
        """Look at everything, then at one thing."""
        await self.ask("GET", "/products")
        await self.ask("GET", f"/products/{self.dice.randint(1, 3)}")

    async def order(self, card_last4: str = "4242") -> None:
        """Buy something, then look at the order."""
        await self.ask("POST", "/cart/items", {"product_id": self.dice.randint(1, 3)})
        await self.ask("GET", "/cart")
        answer = await self.ask("POST", "/checkout", {"card_last4": card_last4})
        if answer.status_code == 201:
            await self.ask("GET", f"/orders/{answer.json()['order_id']}")

    async def order_slowly(self) -> None:
        """Buy with a card over which the bank thinks for long."""
        await self.order("1881")

    async def order_without_money(self) -> None:
        """Buy with a card that is declined."""
        await self.order("0002")

    async def order_in_vain(self) -> None:
        """Buy with a card about which the bank says nothing."""
        await self.order("0341")

    async def lose_the_way(self) -> None:
        """Ask for what is not there: a thing, a page."""
        await self.ask("GET", f"/products/{self.dice.randint(100, 999)}")
        await self.ask("GET", f"/pages/{self.dice.randint(1, 999)}")

    async def mistype(self) -> None:
        """Ask for what makes no sense."""
        await self.ask("GET", "/products/kettle")
        await self.ask("POST", "/cart/items", {"product_id": 1, "quantity": -1})


DECK: Final[tuple[tuple[Act, int], ...]] = (
    (Shopper.browse, 12),
    (Shopper.order, 5),
    (Shopper.order_slowly, 1),
    (Shopper.order_without_money, 1),
    (Shopper.order_in_vain, 1),
    (Shopper.lose_the_way, 2),
    (Shopper.mistype, 1),
)
"""What a shopper does, and how often in one round of 23."""


async def shop(
    url: str,
    tally: Tally,
    *,
    seconds: float = float("inf"),
    shoppers: int = 8,
    pause_seconds: float = 0.08,
    seed: int = 7,
) -> None:
    """Let `shoppers` at the shop for `seconds`; each pauses about `pause_seconds` between two acts.

    However short the time is, everything in the deck is done once.
    """
    ends_at = time.monotonic() + seconds
    async with (
        httpx.AsyncClient(base_url=url, timeout=30, trust_env=False, limits=UNPOOLED) as client,
        asyncio.TaskGroup() as group,
    ):
        for number in range(shoppers):
            shopper = Shopper(f"u-{number}", client, tally, Random(f"{seed}.{number}"))
            firsts = [act for act, _ in DECK][number::shoppers]
            group.create_task(_go_round(shopper, firsts, ends_at=ends_at, pause_seconds=pause_seconds))


async def _go_round(shopper: Shopper, firsts: list[Act], *, ends_at: float, pause_seconds: float) -> None:
    """Do the `firsts`, then shuffled rounds of the deck until the time is over."""
    for act in firsts:
        await act(shopper)
    while True:
        acts = [act for act, count in DECK for _ in range(count)]
        shopper.dice.shuffle(acts)
        for act in acts:
            if time.monotonic() >= ends_at:
                return
            await act(shopper)
            await asyncio.sleep(shopper.dice.uniform(0.5, 1.5) * pause_seconds)

"""Payments: takes the money for an order from a card, through a bank that does not always answer."""

from __future__ import annotations

import asyncio

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field

import logweir
from deploy.demo.database import Database

logweir.configure("payments", environment="demo", version="2.0.1")

app = FastAPI(title="Payments")
app.add_middleware(logweir.asgi.Middleware, skip={"/health"})

log = logweir.get_logger("payments.charges")
database = Database(
    """
    CREATE TABLE limits (card_last4 TEXT PRIMARY KEY, limit_cents INTEGER);
    CREATE TABLE charges (id INTEGER PRIMARY KEY, order_id INTEGER, amount_cents INTEGER);
    INSERT INTO limits VALUES ('0002', 0);
    """
)

BANK_SECONDS = {"0341": 0.25, "1881": 0.7}
"""How long the bank thinks about a card, in seconds; about others it thinks 10 ms."""


class ChargeFailed(Exception):
    """Nobody knows whether the money was taken."""


class Charge(BaseModel):
    """What the shop asks for."""

    order_id: int
    amount_cents: int = Field(gt=0)
    card_last4: str = Field(pattern=r"^\d{4}$")


@app.post("/charges", status_code=201)
async def charge(wish: Charge) -> dict[str, int]:
    """Take the money; 402 where the card does not give it."""
    logweir.bind(order_id=wish.order_id)
    for row in await database.query(
        "SELECT", "limits", "SELECT limit_cents FROM limits WHERE card_last4 = ?", wish.card_last4
    ):
        if wish.amount_cents > row["limit_cents"]:
            log.warning("charge.declined", reason="limit", amount_cents=wish.amount_cents)
            raise HTTPException(402, "the card was declined")
    try:
        await authorise(wish)
    except TimeoutError as timeout:
        raise ChargeFailed(f"order {wish.order_id} may or may not be paid") from timeout
    [row] = await database.query(
        "INSERT",
        "charges",
        "INSERT INTO charges (order_id, amount_cents) VALUES (?, ?) RETURNING id",
        wish.order_id,
        wish.amount_cents,
    )
    return {"charge_id": row["id"]}


@app.get("/charges/{charge_id}")
async def show(charge_id: int) -> dict[str, int]:
    """One charge."""
    rows = await database.query("SELECT", "charges", "SELECT * FROM charges WHERE id = ?", charge_id)
    if not rows:
        raise HTTPException(404, "there is no such charge")
    return dict(rows[0])


async def authorise(wish: Charge) -> None:
    """Ask the bank, which never answers for one of the cards."""
    with logweir.event("external.call", peer_service="bank"):
        await asyncio.sleep(BANK_SECONDS.get(wish.card_last4, 0.01))
        if wish.card_last4 == "0341":
            raise TimeoutError("the bank did not answer within 0.25 s")


@app.get("/health")
async def health() -> dict[str, object]:
    """Whether it runs, and what became of its events."""
    return {"status": "ok", "events": logweir.stats()}

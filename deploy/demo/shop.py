"""The shop: products, carts and orders. For the money it asks payments, over HTTP."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import httpx
from fastapi import Depends, FastAPI, Header, HTTPException
from pydantic import BaseModel, Field

import logweir
from deploy.demo.cache import Cache
from deploy.demo.database import Database

logweir.configure("shop", environment="demo", version="1.4.2")


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Keep one client for payments; it passes the correlation id on.

    It keeps no connection: uvicorn closes one after an unhandled exception, and who takes it from a pool at
    that moment reads an error.
    """
    unpooled = httpx.Limits(max_keepalive_connections=0)
    async with httpx.AsyncClient(base_url=os.environ["PAYMENTS_URL"], timeout=3, limits=unpooled) as client:
        app.state.payments = logweir.httpx.instrument(client, peer_service="payments")
        yield


app = FastAPI(title="Shop", lifespan=lifespan)
app.add_middleware(logweir.asgi.Middleware, skip={"/health"})

log = logweir.get_logger("shop.checkout")
database = Database(
    """
    CREATE TABLE products (id INTEGER PRIMARY KEY, name TEXT, price_cents INTEGER);
    CREATE TABLE carts (user_id TEXT, product_id INTEGER, quantity INTEGER);
    CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id TEXT, total_cents INTEGER, state TEXT);
    INSERT INTO products VALUES (1, 'Kettle', 3990), (2, 'Teapot', 2450), (3, 'Two cups', 1280);
    """
)
products: Cache[dict[str, Any]] = Cache("products", seconds=2)
carts: Cache[list[dict[str, Any]]] = Cache("carts", seconds=30)


async def signed_in(x_user: Annotated[str, Header(max_length=40)]) -> str:
    """Who asks. From here on every event of the request says so too."""
    logweir.bind(user_id=x_user)
    return x_user


User = Annotated[str, Depends(signed_in)]


class Item(BaseModel):
    """Something to put into a cart."""

    product_id: int
    quantity: int = Field(1, ge=1, le=20)


class Card(BaseModel):
    """How to pay."""

    card_last4: str = Field(pattern=r"^\d{4}$")


@app.get("/products")
async def list_products() -> list[dict[str, Any]]:
    """Everything there is to buy."""
    return [dict(row) for row in await database.query("SELECT", "products", "SELECT * FROM products")]


@app.get("/products/{product_id}")
async def show_product(product_id: int) -> dict[str, Any]:
    """One product, from the cache where it can be."""
    product = products.get(str(product_id))
    if product is None:
        rows = await database.query("SELECT", "products", "SELECT * FROM products WHERE id = ?", product_id)
        if not rows:
            raise HTTPException(404, "there is no such product")
        product = dict(rows[0])
        products.put(str(product_id), product)
    return product


@app.post("/cart/items", status_code=201)
async def put_into_cart(item: Item, user: User) -> Item:
    """Remember that the user wants to buy something."""
    await show_product(item.product_id)
    await database.query(
        "INSERT", "carts", "INSERT INTO carts VALUES (?, ?, ?)", user, item.product_id, item.quantity
    )
    carts.drop(user)
    return item


@app.get("/cart")
async def load_cart(user: User) -> list[dict[str, Any]]:
    """What the user wants to buy, with prices."""
    cart = carts.get(user)
    if cart is None:
        rows = await database.query(
            "SELECT",
            "carts",
            "SELECT product_id, quantity, price_cents FROM carts JOIN products ON id = product_id "
            "WHERE user_id = ?",
            user,
        )
        cart = [dict(row) for row in rows]
        carts.put(user, cart)
    log.info("cart.loaded", items=len(cart))
    return cart


@app.post("/checkout", status_code=201)
async def check_out(card: Card, user: User) -> dict[str, Any]:
    """Order what is in the cart and have it paid: 402 where the card is declined, 502 where paying fails."""
    cart = await load_cart(user)
    if not cart:
        raise HTTPException(409, "the cart is empty")
    total_cents = sum(item["quantity"] * item["price_cents"] for item in cart)
    [order] = await database.query(
        "INSERT",
        "orders",
        "INSERT INTO orders (user_id, total_cents, state) VALUES (?, ?, 'new') RETURNING id",
        user,
        total_cents,
    )
    await pay(order["id"], total_cents, card)
    await database.query("DELETE", "carts", "DELETE FROM carts WHERE user_id = ?", user)
    carts.drop(user)
    log.info("order.placed", order_id=order["id"], order_total_cents=total_cents)
    return {"order_id": order["id"], "total_cents": total_cents}


async def pay(order_id: int, total_cents: int, card: Card) -> None:
    """Have an order paid, and note what came of it."""
    payments: httpx.AsyncClient = app.state.payments
    wish = {"order_id": order_id, "amount_cents": total_cents, "card_last4": card.card_last4}
    answer = await payments.post("/charges", json=wish)
    state = {201: "paid", 402: "declined"}.get(answer.status_code, "unclear")
    await database.query("UPDATE", "orders", "UPDATE orders SET state = ? WHERE id = ?", state, order_id)
    if state == "declined":
        raise HTTPException(402, "the card was declined")
    if state == "unclear":
        log.error("payment.failed", error_type="PaymentFailed", order_id=order_id, answer=answer.status_code)
        raise HTTPException(502, "payments did not answer as it should")


@app.get("/orders/{order_id}")
async def show_order(order_id: int, user: User) -> dict[str, Any]:
    """One order of the user's own."""
    rows = await database.query(
        "SELECT", "orders", "SELECT * FROM orders WHERE id = ? AND user_id = ?", order_id, user
    )
    if not rows:
        raise HTTPException(404, "there is no such order")
    return dict(rows[0])


@app.get("/health")
async def health() -> dict[str, object]:
    """Whether it runs, and what became of its events."""
    return {"status": "ok", "events": logweir.stats()}

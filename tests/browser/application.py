"""A shop and its payments, each a process with the shipper: what the pages show in these tests came this way.

``python -m tests.browser.application ROLE``; which story it is comes in the environment.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import logweir

ORDER = "0af7651916cd43dd8448eb211c80319c"
"""The story of an order that failed."""

HOSTILE = "hostile-story"
LONG = "long." + "x" * 123

SCRIPT = "<script>window.stolen=1;alert(1)</script><img src=x onerror='window.stolen=1;alert(2)'>"
HIDDEN = "\u202etxt.exe\u200b\x1b[31mred\r\nlevel=critical"


class ChargeFailed(Exception):
    """The bank said no."""


def shop() -> None:
    """One story after the other."""
    _order()
    _hostile()
    _long()
    for number in range(40):
        with logweir.resume(f"visit-{number}"), logweir.track_request(method="GET", route="/products"):
            logweir.emit("cache.operation", cache_name="products", cache_operation="get", cache_result="hit")
    logweir.get_logger("shop").warning("stock.low", product="Kettle", left=2)


def _order() -> None:
    with (
        logweir.resume(json.dumps({"traceparent": f"00-{ORDER}-b7ad6b7169203331-01"})),
        logweir.bound(user_id="u-42"),
        logweir.track_request(method="POST", route="/orders", path="/orders"),
    ):
        log = logweir.get_logger("shop.checkout")
        log.info("order.begun", order_id=17, message="An order of two things")
        with logweir.track_db_query(operation="SELECT", table="carts", system="sqlite"):
            pass
        with logweir.track_external_call(target="payments", method="POST"):
            _run("payments", json.dumps(logweir.carry("user_id")))
        log.error("order.failed", order_id=17, reason="payment", message="The order could not be paid")


def payments(carried: str) -> None:
    """The other side of the order."""
    with logweir.resume(carried), logweir.track_request(method="POST", route="/charges", path="/charges"):
        logweir.get_logger("payments").info("charge.begun", amount_eur=59.9)
        try:
            try:
                raise TimeoutError("the bank did not answer within 2 s")
            except TimeoutError as fault:
                raise ChargeFailed("card ending in 4242 was not charged") from fault
        except ChargeFailed as fault:
            logweir.capture_exception(fault)


def _hostile() -> None:
    with logweir.resume(HOSTILE):
        log = logweir.get_logger(SCRIPT)
        log.info("comment.written", message=SCRIPT, url_path="javascript:alert(3)", **{SCRIPT: SCRIPT})
        log.error("comment.refused", message=HIDDEN, error_type=SCRIPT, text="</textarea></script>" + SCRIPT)
        try:
            raise ValueError(SCRIPT)
        except ValueError as fault:
            logweir.capture_exception(fault)


def _long() -> None:
    with logweir.resume(LONG):
        log = logweir.get_logger("shop.long")
        log.info("long.word", message="y" * 4000, **{"field_" + "z" * 150: "w" * 2000})
        log.error("long." + "n" * 120, message="many words " * 400, error_type="E" * 180)
        log.info("many.fields", **{f"field_{number}": "value " * 10 for number in range(60)})


def _run(role: str, *arguments: str) -> None:
    command = [sys.executable, "-m", "tests.browser.application", role, *arguments]
    environment = os.environ | {"LOGWEIR_SERVICE": role}
    subprocess.run(command, env=environment, check=True, timeout=60)


if __name__ == "__main__":
    logweir.configure(environment="test", version="1.4.2")
    if sys.argv[1] == "shop":
        shop()
    else:
        payments(sys.argv[2])
    logweir.close(20)

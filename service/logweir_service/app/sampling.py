"""Looks at what was counted every ten seconds, so that pages can show the last hour."""

from __future__ import annotations

import asyncio

from logweir_service.status.totals import totals_of
from logweir_service.status.trends import EVERY_SECONDS, LastHour
from logweir_service.telemetry import Telemetry


async def sample(telemetry: Telemetry, hour: LastHour) -> None:
    """Read the totals again and again; ends by being cancelled."""
    while True:
        hour.take(totals_of(telemetry))
        await asyncio.sleep(EVERY_SECONDS)

import asyncio
import gc

import pytest

from logweir_service.app.collecting import leave_series_out


@pytest.fixture(autouse=True)
def _unfrozen():
    gc.unfreeze()
    yield
    gc.unfreeze()


def test_series_leave_the_search_for_garbage_once_they_have_grown_by_thousands():
    async def frozen_at(*sizes):
        series = [[0]]
        task = asyncio.create_task(leave_series_out(lambda: len(series)))
        counts = []
        for size in sizes:
            series += [[0] for _ in range(size - len(series))]
            await asyncio.sleep(0.3)
            counts.append(gc.get_freeze_count())
        task.cancel()
        return counts

    start, few, many, as_many = asyncio.run(frozen_at(1, 4_000, 20_000, 20_001))
    assert start > 0
    assert few - start < 1_000
    assert many - few > 19_000
    assert as_many - many < 1_000

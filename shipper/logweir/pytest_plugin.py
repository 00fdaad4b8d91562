"""The fixture ``logweir_events``; pytest finds it by itself where Logweir is installed.

Nothing of the library is imported before a test asks for the fixture.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from logweir.testing import Events


@pytest.fixture
def logweir_events() -> Iterator[Events]:
    """What the test's code emits: ``logweir_events.one("order.created", order_id=1)``.

    Also ``.all(...)``, ``.none(...)``, ``.clear()``. Needs no service; afterwards the process is configured
    as before.
    """
    from logweir.testing import captured  # noqa: PLC0415 - see above

    with captured() as events:
        yield events

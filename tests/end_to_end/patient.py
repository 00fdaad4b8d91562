"""``python -m tests.end_to_end.patient``: the real command; a batch takes it 0.1 s to recover, and for Sentry
it waits a minute at its end."""

from __future__ import annotations

import sys
import time
from typing import Any, Final
from unittest.mock import patch

from logweir_service.app import running
from logweir_service.cli import main
from logweir_service.pipeline.recovery import Start

BATCH_SECONDS: Final = 0.1

if __name__ == "__main__":
    replay = Start._replay

    def slow_replay(self: Start, *batch: Any) -> Any:
        time.sleep(BATCH_SECONDS)
        return replay(self, *batch)

    patch.object(Start, "_replay", slow_replay).start()
    patch.object(sys.modules[running.__module__], "_PROMOTION_STOP_SECONDS", 60).start()
    main()

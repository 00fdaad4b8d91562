"""Loading the rules anew while the service runs."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Final

from logweir_service.decode import Decoder
from logweir_service.errors import Refusal, RulesError
from logweir_service.pipeline import Changed, Numbers

from .composition import Service
from .in_force import InForce, read_rules

_MOST_TASKS: Final = 2
"""One that reads the files, which may change behind it, and one that waits."""

_log = logging.getLogger("logweir_service")


@dataclass(slots=True)
class Reload:
    """Reads the rules from the disk and goes over to them as a whole; one at a time.

    What cannot be loaded changes nothing: the log names each problem, and a metric says so.
    """

    service: Service
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def __call__(self) -> Changed:
        """Reload, and say what became of the metrics.

        Raises:
            RulesError: the rules are broken.
            Refusal: no checkpoint could name them, or the service ends.
        """
        async with self._turn:
            try:
                changed = await self._reload()
            except Exception:
                self.service.pipeline.telemetry.loaded(None)
                raise
            self.service.pipeline.telemetry.loaded(self.service.pipeline.clock())
            return changed

    def soon(self) -> None:
        """Reload in the background, as a signal asks for it; one that waits for its turn stands for many."""
        if len(self._tasks) >= _MOST_TASKS:
            return
        task = asyncio.get_running_loop().create_task(self._in_background())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _in_background(self) -> None:
        try:
            await self()
        except (RulesError, Refusal):
            return  # which the log has told already
        except Exception:  # noqa: BLE001 - nobody else looks at what the task raises
            _log.exception("the rules stay as they were, by a fault of the service's own")

    async def _reload(self) -> Changed:
        loop = asyncio.get_running_loop()
        try:
            found, numbers = await loop.run_in_executor(None, self._read)
        except RulesError as fault:
            for problem in fault.problems:
                _log.error("the rules stay as they were: %s", problem)
            raise
        try:
            changed = await self.service.pipeline.switch(numbers, with_it=lambda: self._go_over(found))
        except OSError as fault:
            text = f"no checkpoint could be written: {fault.strerror or fault}"
            _log.error("the rules stay as they were: %s", text)
            raise Refusal(503, "not_reloaded", text, retry_after_seconds=30) from None
        except Refusal as refusal:
            _log.error("the rules stay as they were: %s", refusal.message)
            raise
        _log.info(
            "rules reloaded: %d metrics go on, %d begin at 0, %d are gone",
            *map(len, (changed.kept, changed.begun, changed.gone)),
        )
        return changed

    def _read(self) -> tuple[InForce, Numbers]:
        found = read_rules(self.service.settings)
        return found, found.counting(found.rules)

    def _go_over(self, found: InForce) -> None:
        """What else depends on the rules; bodies on their way in are scrubbed as those of before say."""
        service = self.service
        service.rules = found.rules
        service.promotion.select(found.selection)
        service.pipeline.decoder = Decoder(service.pipeline.limits, found.scrubber)
        service.pipeline.dead.scrub = found.scrubber.raw

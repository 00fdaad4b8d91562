"""Saves what the service knows between two groups, so that a restart has little to read again."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from dataclasses import dataclass, field

from logweir_service.errors import StorageBroken
from logweir_service.journal import Journal
from logweir_service.telemetry import Telemetry

from .keeper import Keeper
from .numbers import Numbers
from .recovery import Resumed
from .state import encode

_log = logging.getLogger("logweir_service.pipeline")


@dataclass(slots=True)
class Saving:
    """Makes checkpoints: `begin` once, then `soon` again and again, and `end`."""

    journal: Journal
    keeper: Keeper
    telemetry: Telemetry
    _losses_before: Counter[str] = field(default_factory=Counter)
    _saved_losses: dict[str, float] = field(default_factory=dict)
    _last_losses: dict[str, float] = field(default_factory=dict)
    losses_seen: dict[str, float] = field(default_factory=dict)
    """When each loss was last seen to grow, in seconds since the epoch; `losses` looks."""

    def begin(self, resumed: Resumed) -> None:
        """Save where a start has found the service to stand.

        Raises:
            OSError: it cannot be saved, and nothing may be counted without.
        """
        self._losses_before = resumed.losses
        self._last_losses, self.losses_seen = resumed.losses_before, {**resumed.losses_seen}
        # nothing may be counted under rules that no checkpoint names, nor behind a gap that none passed
        must = bool(resumed.reset or resumed.rules_changed or resumed.checkpoint_lsn is None)
        try:
            self.now(resumed.numbers, alone=must or bool(resumed.unusable))
        except OSError as fault:
            if must:
                raise
            _log.warning("no checkpoint could be written (%s): the next start takes longer", fault)
        self.keeper.space.keep_ballast()

    def soon(self, numbers: Numbers) -> None:
        """Save if it is time, and see to the disk now and then; does not wait."""
        if self.keeper.is_due(self.journal.last_lsn):
            self.keeper.save_soon(self.journal.last_lsn, lambda: self._encode(numbers))
        else:
            self.keeper.tidy_soon()

    def now(self, numbers: Numbers, *, alone: bool = False) -> None:
        """Save, and wait until it is; `alone` removes what was saved before.

        Raises:
            OSError: it is not saved.
        """
        self.keeper.save(self.journal.last_lsn, self._encode(numbers), alone=alone)

    async def before_switch(self, numbers: Numbers) -> None:
        """Save the numbers under new rules, alone: no start may go on under those of before.

        Raises:
            OSError: it is not saved, and the newest checkpoint names the rules of before.
            StorageBroken: it is not known which it names.
        """
        lsn, body = self.journal.last_lsn, self._encode(numbers)
        try:
            await asyncio.wrap_future(self.keeper.save_meanwhile(lsn, body, alone=True))
        except OSError as fault:
            if not self.keeper.checkpoints.may_hold(lsn, body):
                raise
            path = self.journal.folder.path
            text = f"{path}: a checkpoint may or may not be on the disk ({fault.strerror}); start again"
            raise StorageBroken(text) from fault

    def end(self, numbers: Numbers) -> None:
        """Save what is not saved yet, as well as can be."""
        if self.keeper.last_lsn == self.journal.last_lsn and self._saved_losses == self.losses():
            return
        try:
            self.now(numbers)
        except OSError as fault:
            _log.warning("no last checkpoint could be written (%s): the next start takes longer", fault)

    def losses(self) -> dict[str, float]:
        """What was lost since the journal began, by metric and labels, as far as checkpoints tell."""
        found = self._losses_before + Counter(self.telemetry.losses())
        now = self.keeper.clock()
        grown = (name for name, count in found.items() if count > self._last_losses.get(name, 0))
        self.losses_seen.update(dict.fromkeys(grown, now))
        self._last_losses = {name: float(count) for name, count in found.items()}
        return self._last_losses

    def _encode(self, numbers: Numbers) -> bytes:
        self._saved_losses = self.losses()
        return encode(self.journal, numbers, self._saved_losses, self.losses_seen)

"""Going over to other rules while the service runs, between two groups."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from logweir_service.errors import Refusal
from logweir_service.rules import RuleSet

from .numbers import Numbers
from .saving import Saving


@dataclass(frozen=True, slots=True)
class Changed:
    """What became of the metrics, by name."""

    kept: Sequence[str]
    """They go on where they stood."""
    begun: Sequence[str]
    """They are new, or count otherwise than before: they stand at nothing."""
    gone: Sequence[str]

    @classmethod
    def between(cls, before: RuleSet, after: RuleSet) -> Changed:
        """What becomes of them from one set of rules to the other."""
        earlier = {rule.name: rule for rule in before.metrics}
        kept: list[str] = []
        begun: list[str] = []
        for rule in after.metrics:
            known = earlier.pop(rule.name, None)
            (kept if known is not None and known.counts_like(rule) else begun).append(rule.name)
        return cls(kept, begun, [*earlier])


@dataclass(frozen=True, slots=True)
class _Asked:
    numbers: Numbers
    with_it: Callable[[], None]
    answer: asyncio.Future[Changed]


@dataclass(slots=True)
class Switching:
    """The switches that wait until no group is half taken."""

    _asked: list[_Asked] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self._asked)

    def ask(self, numbers: Numbers, with_it: Callable[[], None]) -> asyncio.Future[Changed]:
        """Ask to go over to numbers that stand at nothing; `with_it` lets others go over in the same turn.

        The answer comes when all have gone over. It is an `OSError` where nothing was changed because no
        checkpoint could be written.
        """
        asked = _Asked(numbers, with_it, asyncio.get_running_loop().create_future())
        self._asked.append(asked)
        return asked.answer

    async def next(self, before: Numbers, saving: Saving) -> Numbers:
        """The numbers of the next switch, brought to where those `before` it stand, and saved.

        Nothing may be counted meanwhile, and only with these from now on. They are those `before` it where
        they cannot be saved: nothing may be counted under rules that no checkpoint names.

        Raises:
            StorageBroken: nobody knows which rules the newest checkpoint names.
        """
        asked = self._asked[0]
        after = asked.numbers
        if after.rules.metrics == before.rules.metrics:
            after = replace(after, derivation=before.derivation)
        else:
            adopt = after.derivation.adopt
            await asyncio.get_running_loop().run_in_executor(None, adopt, before.derivation)
            try:
                await saving.before_switch(after)
            except OSError as fault:
                _reply(self._asked.pop(0), fault)
                return before
        asked.with_it()
        _reply(self._asked.pop(0), Changed.between(before.rules, after.rules))
        return after

    def refuse(self, refusal: Refusal) -> None:
        """Tell those that wait that nothing will become of it."""
        left, self._asked = self._asked, []
        for each in left:
            _reply(each, refusal)


def _reply(asked: _Asked, result: Changed | Exception) -> None:
    if asked.answer.done():  # who asked has gone
        return
    if isinstance(result, Changed):
        asked.answer.set_result(result)
    else:
        asked.answer.set_exception(result)

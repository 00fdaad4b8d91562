"""Which rules the events of tests have reached."""

from __future__ import annotations

from collections.abc import Iterable

from logweir_service.rules import RuleSet


class Coverage:
    """Adds up over files: a rule that two of them read counts once, by its name."""

    def __init__(self) -> None:
        self._known: dict[str, None] = {}
        self._reached: set[str] = set()

    def know(self, rules: RuleSet) -> None:
        """These rules can be reached."""
        for name in (*(rule.name for rule in rules.metrics), *map(_promote, (r.name for r in rules.promote))):
            self._known[name] = None

    def reach(self, metrics: Iterable[str], promote: Iterable[str]) -> None:
        """These have been."""
        self._reached.update(metrics, map(_promote, promote))

    @property
    def missed(self) -> list[str]:
        """Those that no event has reached, in the order of the rules."""
        return [name for name in self._known if name not in self._reached]

    def __str__(self) -> str:
        """One line for people."""
        missed = self.missed
        text = f"rules reached {len(self._known) - len(missed)} of {len(self._known)}"
        return f"{text}: not {', '.join(missed)}" if missed else text


def _promote(name: str) -> str:
    """A metric and a promote rule may have one name."""
    return f"promote {name}"

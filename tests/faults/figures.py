"""What a run of the kill loop tells at its end."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Figures:
    """What happened."""

    seed: int
    kills: Counter[str] = field(default_factory=Counter)
    points: Counter[str] = field(default_factory=Counter)
    power_cuts: int = 0
    checks: int = 0
    ready_seconds: list[float] = field(default_factory=list)
    batches: int = 0
    acknowledged: int = 0
    lost: int = 0
    doubled: int = 0
    scrapes: int = 0
    backward: int = 0
    faults: list[str] = field(default_factory=list)
    history: list[str] = field(default_factory=list)

    def line(self) -> str:
        """All of it in one line."""
        ready = sorted(self.ready_seconds) or [0.0]
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.kills.items()))
        return (
            f"seed {self.seed}: {self.kills.total()} kills ({kinds}), {self.power_cuts} power cuts, "
            f"{self.checks} checks, {self.batches} batches, {self.acknowledged} events acknowledged, "
            f"{self.lost} lost, {self.doubled} doubled, {self.backward} backward of {self.scrapes} scrapes, "
            f"ready again after {ready[len(ready) // 2] * 1000:.0f} ms (p50), {ready[-1] * 1000:.0f} ms (max)"
        )

"""What the service makes of lines that the shipper emitted: its decoder, its packs, its promotion."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from logweir_service.rules import RuleSet, load
from logweir_service.ruletest.model import Given
from logweir_service.ruletest.scene import Scene

PACKS: RuleSet = load(["packs"])


class ServiceInSmall:
    """Has taken `lines`, and refused none."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._scene = Scene(PACKS)
        self._now = time.time()
        for number, line in enumerate(lines):
            given = Given(place=f"line {number}", at_seconds=0, line=line.rstrip(b"\n"))
            self._scene.take(given, received=self._now)
        assert self._scene.refused == []
        assert not self._scene.skipped

    def metrics(self, *, zeros: bool = False) -> dict[str, float]:
        """What a scrape shows, without buckets and zeros, and without labels that say only the service."""
        return {
            f"{sample.name}{{{','.join(f'{name}={text}' for name, text in _telling(sample.labels))}}}": value
            for sample in self._scene.samples(self._now)
            if not sample.name.endswith("_bucket") and ((value := sample.value) or zeros)
        }

    def sentry_events(self) -> list[dict[str, Any]]:
        """What Sentry has got."""
        return [promotion.sent() for promotion in self._scene.promotions(float("inf"))]


def _telling(labels: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, text) for name, text in labels if name not in ("service", "environment")]

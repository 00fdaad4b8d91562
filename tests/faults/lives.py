"""How each life of the service is to go, and which rules it finds when it begins."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from .points import POINTS
from .watched_disk import Trouble

_RARE: Final = {name for name in POINTS if name.startswith(("retention", "format", "ballast"))}
"""Points that a loop does not come by: tests of their own drive to them."""

_AT_GROUPS: Final = {name for name in POINTS if name.startswith(("group", "dead"))}


@dataclass(frozen=True, slots=True)
class Life:
    """How a service is to end."""

    kind: str
    dies_after_seconds: float | None = None
    """None where it ends itself."""
    trouble: Trouble = field(default_factory=Trouble)
    storm_follows: bool = False
    """Whether the senders go on while the next one starts, so that nothing can be checked then."""


RIGHT_AFTER_ITS_START: Final = Life("right after its start", 0.0)
"""Before anybody sends: what was found is exposed, and nothing new was synced."""


def ending_at(point: str, nth: int = 1) -> Life:
    """A life that ends by itself."""
    return Life("too late for a point", None, Trouble(f"{point}:{nth}"))


def next_life(dice: random.Random) -> Life:
    """Make one up."""
    chance = dice.random()
    seed = dice.getrandbits(30)
    storm = dice.random() < 0.15
    failing = 0.05 if dice.random() < 0.3 else 0.0
    if chance < 0.45:
        return Life("at random", dice.uniform(0.05, 1.5), Trouble("", failing, 0.0, seed), storm)
    if chance < 0.6:
        return Life("while it recovered", dice.uniform(0.0, 0.1))
    if chance < 0.62:
        return RIGHT_AFTER_ITS_START
    if chance < 0.67:
        return Life("at random", 1.5, Trouble("", failing, 0.02, seed), storm)
    point = dice.choice(sorted(POINTS.keys() - _RARE))
    nth = dice.randint(1, 40) if point in _AT_GROUPS else dice.choice((1, 1, 1, 2, 3))
    return Life("too late for a point", None, Trouble(f"{point}:{nth}", failing, 0.0, seed), storm)


class RuleFile:
    """Rules of a team's own: one of them changes with each edit, the other stays as it is."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.version = 0
        self.edit()

    @property
    def method(self) -> str:
        """Which requests the changing rule counts."""
        return ("GET", "POST")[self.version % 2]

    def edit(self) -> None:
        """Write the next version."""
        self.version += 1
        self.path.write_text(f"""version: 1
metrics:
  - name: own_requests_total
    type: counter
    help: Stays as it is.
    event: http.request
    labels: {{service: service}}
  - name: alternating_requests_total
    type: counter
    help: Begins anew with each edit.
    event: http.request
    when: http_request_method == "{self.method}" and http_response_status_code != {1000 + self.version}
    labels: {{service: service}}
""")

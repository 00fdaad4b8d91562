"""What somebody asks of the search page, and how it is said again in links."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from .marks import url

RANGES: Final = (("15m", "15 min"), ("1h", "1 h"), ("24h", "24 h"), ("7d", "7 d"))
"""Ages that are offered, and how they read."""

_IN_WORDS: Final = {"15m": "15 minutes", "1h": "hour", "24h": "24 hours", "7d": "7 days"}

USUAL_RANGE: Final = "24h"


_BRIEF: Final = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d(?:\.\d{1,9})?)?)?(Z|[+-]\d\d:\d\d)?")
"""A moment as people write it: a day, or a day and a time, in UTC where nothing else is said."""


def moment(text: str) -> str:
    """A moment that people wrote, as programs write it; anything else as it is."""
    if found := _BRIEF.fullmatch(text):
        return f"{found[1]}T{found[2] or '00:00'}{found[3] or ':00'}{found[4] or 'Z'}"
    return text


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, as it came in the URL."""

    text: str = ""
    where: str = ""
    age: str = ""
    """One of `RANGES` or another age or moment; empty where nothing was said."""
    begin: str = ""
    """From when on; wins over the age."""
    end: str = ""
    cursor: str = ""

    @property
    def is_anything(self) -> bool:
        """Whether something was asked at all."""
        return any((self.text, self.where, self.age, self.begin, self.end, self.cursor))

    @property
    def since(self) -> str:
        """From when on events are looked for."""
        return moment(self.begin) or self.age or USUAL_RANGE

    @property
    def until(self) -> str:
        """Before when; empty for now."""
        return moment(self.end)

    @property
    def range_name(self) -> str:
        """The range in words, for what is said about it."""
        if self.begin or self.end:
            return "this range"
        return f"the last {_IN_WORDS.get(self.since, self.since)}"

    def link(self, path: str = "/", **changed: str) -> str:
        """The URL of this question, or of one that differs in some of its parts."""
        asked = replace(self, **changed)
        return url(
            path,
            q=asked.text,
            where=asked.where,
            since="" if asked.begin else asked.since,
            **{"from": asked.begin},
            until=asked.end,
            cursor=asked.cursor,
        )

    def wider(self) -> str | None:
        """The URL of the next longer range on offer."""
        ages = [age for age, _ in RANGES]
        if self.begin or self.end or self.since not in ages or self.since == ages[-1]:
            return None
        return self.link(age=ages[ages.index(self.since) + 1], cursor="")

    def json(self) -> str:
        """The URL of the same as JSON."""
        return url(
            "/v1/search",
            q=self.text,
            where=self.where,
            since=self.since,
            until=self.until,
            cursor=self.cursor,
        )

"""What Sentry has got, in the words of a test."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import islice, zip_longest
from typing import Any, Final

from logweir_service.promote import Promotion

from .scene import Scene

TEXTS: Final = ("event", "rule", "user_id")
LISTS: Final = ("fingerprint", "breadcrumbs")
KEYS: Final = ("event", "rule", "fingerprint", "user_id", "breadcrumbs", "tags")
"""What can be asked of a promotion: texts, lists of texts, and tags, of which others may be there."""

_MOST_TOLD: Final = 20
"""Of those that nobody expected."""


def differences(expected: Sequence[Mapping[str, Any]] | None, scene: Scene, *, now: float) -> list[str]:
    """Compare one by one, in the order of the journal; of each only what is asked."""
    if expected is None:
        return []
    lines = []
    found = scene.promotions(now)
    for want, promotion in zip_longest(expected, islice(found, len(expected))):
        if promotion is None:
            lines.append(f"- {_text(want)}")
            continue
        there = _told(promotion)
        asked = {key: _asked(want[key], there[key]) for key in want}
        lines += [] if asked == want else [f"- {_text(want)}", f"+ {_text(asked)}"]
    lines += [f"+ {_text(_told(promotion, without=('tags',)))}" for promotion in islice(found, _MOST_TOLD)]
    if more := sum(1 for _ in found):
        lines.append(f"+ and {more} more")
    return lines


def _told(promotion: Promotion, *, without: Collection[str] = ()) -> dict[str, Any]:
    """What there is: an event with a stack trace has no fingerprint, unless its rule forces one."""
    sent = promotion.sent()
    told = {
        "event": promotion.name,
        "rule": promotion.rule.name,
        "fingerprint": tuple(sent.get("fingerprint", ())),
        "user_id": sent.get("user", {}).get("id"),
        "breadcrumbs": tuple(promotion.breadcrumbs()),
        "tags": sent.get("tags", {}),
    }
    return {key: value for key, value in told.items() if key not in without}


def _asked(want: Any, got: Any) -> Any:
    if isinstance(want, Mapping):
        return {key: value for key, value in got.items() if key in want}
    return got


def _text(told: Mapping[str, Any]) -> str:
    return f"{{{', '.join(f'{key}: {_value(value)}' for key, value in told.items())}}}"


def _value(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(value)}]"
    return _text(value) if isinstance(value, Mapping) else "null" if value is None else str(value)

"""Errors of one kind in one line: what to look at when nobody has asked anything yet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from logweir_service.find import Moment, shown


@dataclass(slots=True)
class Kind:
    """Errors of one service that are the same for whoever has to mend them."""

    newest: Moment
    what: str
    """The type of the error, or the event's name."""
    said: str
    """What the newest of them tells."""
    count: int
    first: datetime

    @property
    def query(self) -> str:
        """What finds them all."""
        error_type = self.newest.fields.get("error_type")
        named = isinstance(error_type, str) and error_type.isalnum()
        typed = f" error_type:{error_type}" if named else ""
        return f"service:{self.newest.service} event:{self.newest.name} level:>=error{typed}"


def kinds(moments: Iterable[Moment]) -> list[Kind]:
    """Errors by kind, in the order of their newest; `moments` come newest first."""
    found: dict[tuple[str, str, str], Kind] = {}
    for moment in moments:
        what, said = _told(moment)
        key = moment.service, moment.name, what
        if kind := found.get(key):
            kind.count += 1
            kind.first = min(kind.first, moment.at)
        else:
            found[key] = Kind(moment, what, said, 1, moment.at)
    return [*found.values()]


def _told(moment: Moment) -> tuple[str, str]:
    raised = moment.exceptions()
    if raised:
        return raised[0].type, raised[0].value or shown(moment.fields.get("message"))
    error_type, message = (shown(moment.fields.get(key)) for key in ("error_type", "message"))
    return error_type or moment.name, message or moment.told

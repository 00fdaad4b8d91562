"""An event's `exception` list as Sentry's exception interface."""

from __future__ import annotations

from typing import Any, Final

MAX_FRAMES: Final = 250
"""Sentry keeps no more; the middle of a deep recursion says least."""

SOURCES: Final = {"cause": "__cause__", "context": "__context__"}
"""How Python names the two ways in which one exception hangs on another."""


def exception_values(chain: object) -> list[dict[str, Any]]:
    """Turn a list that begins with the exception raised into Sentry's, which ends with it.

    Elements that are no objects are passed over; a `chain` that is no list has no values.
    """
    members = [member for member in chain if isinstance(member, dict)] if isinstance(chain, list) else []
    if not members:
        return []
    handled = members[0].get("handled") is not False
    return [_value(member, place, handled=handled) for place, member in enumerate(members)][::-1]


def _value(member: dict[str, Any], place: int, *, handled: bool) -> dict[str, Any]:
    mechanism: dict[str, Any] = {"type": "generic", "handled": handled, "exception_id": place}
    if place:
        source = SOURCES.get(str(member.get("relation")), "__context__")
        mechanism |= {"type": "chained", "parent_id": place - 1, "source": source}
    value: dict[str, Any] = {
        "type": str(member.get("type") or "Error"),
        "value": str(member.get("value") or ""),
        "mechanism": mechanism,
    }
    if isinstance(member.get("module"), str):
        value["module"] = member["module"]
    if frames := _frames(member.get("frames")):
        value["stacktrace"] = {"frames": frames}
    return value


def _frames(frames: object) -> list[dict[str, Any]]:
    known = [_frame(frame) for frame in frames if isinstance(frame, dict)] if isinstance(frames, list) else []
    half = MAX_FRAMES // 2
    return known if len(known) <= MAX_FRAMES else known[:half] + known[-half:]


def _frame(frame: dict[str, Any]) -> dict[str, Any]:
    """One frame; `in_app` is always stated, else the server would guess it."""
    path = str(frame.get("filename") or "<unknown>")
    kept: dict[str, Any] = {
        "abs_path": path,
        "filename": _short_path(path, frame.get("module")),
        "function": str(frame.get("function") or "<unknown>"),
        "in_app": frame.get("in_app") is True,
    }
    kept |= {key: frame[key] for key in ("module", "context_line") if isinstance(frame.get(key), str)}
    for key in ("pre_context", "post_context"):
        if isinstance(frame.get(key), list):
            kept[key] = [str(line) for line in frame[key]]
    if type(frame.get("lineno")) is int and frame["lineno"] > 0:
        kept["lineno"] = frame["lineno"]
    if isinstance(frame.get("vars"), dict):
        kept["vars"] = frame["vars"]
    return kept


def _short_path(path: str, module: object) -> str:
    """The end of `path` that its module's name accounts for: the same on every machine."""
    if not isinstance(module, str) or not path.startswith("/"):
        return path
    depth = module.count(".") + (2 if path.endswith("/__init__.py") else 1)
    return "/".join(path.rsplit("/", depth)[1:])

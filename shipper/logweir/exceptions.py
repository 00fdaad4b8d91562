"""An exception as data: what the ``exception`` field of an event holds.

The traceback is walked here rather than by the standard library's `traceback`, which formats everything and
takes fifty times as long. Local variables are never read: they are where the secrets are.
"""

from __future__ import annotations

import linecache
import sys
import sysconfig
from collections import deque
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Final

from logweir.ids import new_trace_id
from logweir.redact import mask

MAX_FRAMES: Final = 100
"""Frames of one exception, half from each end, so that a deep recursion keeps its start and its cause."""
MAX_EXCEPTIONS: Final = 8
MAX_VALUE_CHARACTERS: Final = 8 * 1024
MAX_LINE_CHARACTERS: Final = 200

_ERROR_ID: Final = "__logweir_error_id__"
_OURS: Final = f"{Path(__file__).parent}/"
_INSTALLED: Final = ("/site-packages/", "/dist-packages/")
_STANDARD_LIBRARY: Final = tuple(
    f"{folder}/" for key in ("stdlib", "platstdlib") if (folder := sysconfig.get_paths().get(key))
)


def from_exc_info(exc_info: Any) -> BaseException | None:
    """What an ``exc_info`` argument means: an exception, the triple of one, or true for the current one."""
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple) and len(exc_info) == 3 and isinstance(exc_info[1], BaseException):
        return exc_info[1]
    return sys.exc_info()[1] if exc_info else None


def describe(error: BaseException, *, handled: bool) -> dict[str, Any]:
    """The fields ``exception``, ``error_type`` and ``error_id`` of an event that reports `error`."""
    return {
        "error_type": type(error).__name__,
        "error_id": error_id(error),
        "exception": [_entry(each, relation, handled=handled) for each, relation in _chain(error)],
    }


def error_id(error: BaseException) -> str:
    """32 hex digits that stay with the exception object, so that all reports of it are seen to be one.

    Raised ``from`` another, or a group, it takes the id under which that other was reported; else what led
    to it gets the same id, for whoever reports that later. What was merely being handled when another fault
    happened is an error of its own.

    The mark is a text in the object's own dict, where neither ``__slots__`` nor a ``__setattr__`` that
    refuses stand in the way. It keeps nothing alive, and goes with a pickled exception to other processes.
    """
    causes = list(_causes(error))
    known = next((mark for each in causes if (mark := _mark_of(each))), None)
    if known is None and isinstance(error, BaseExceptionGroup):
        known = next((mark for each in error.exceptions[:MAX_EXCEPTIONS] if (mark := _mark_of(each))), None)
    fresh = known or new_trace_id()
    for each in causes:
        _attributes_of(each).setdefault(_ERROR_ID, fresh)
    return str(_attributes_of(error)[_ERROR_ID])


_attributes_of: Final = BaseException.__dict__["__dict__"].__get__
"""An exception's own attributes, whatever its class makes of them."""


def _mark_of(error: BaseException) -> str | None:
    mark = _attributes_of(error).get(_ERROR_ID)
    return mark if type(mark) is str else None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The exception, what it was raised from, and so on; a group of one is its member."""
    each: BaseException | None = error
    seen: set[int] = set()
    while each is not None and id(each) not in seen and len(seen) < MAX_EXCEPTIONS:
        seen.add(id(each))
        yield each
        if isinstance(each, BaseExceptionGroup) and len(each.exceptions) == 1:
            each = each.exceptions[0]
        else:
            each = each.__cause__


def _chain(error: BaseException) -> Iterator[tuple[BaseException, str | None]]:
    """The raised exception, then what led to it, each once."""
    waiting: deque[tuple[BaseException, str | None]] = deque([(error, None)])
    seen: set[int] = set()
    while waiting and len(seen) < MAX_EXCEPTIONS:
        each, relation = waiting.popleft()
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each, relation
        if each.__cause__ is not None:
            waiting.append((each.__cause__, "cause"))
        elif each.__context__ is not None and not each.__suppress_context__:
            waiting.append((each.__context__, "context"))
        if isinstance(each, BaseExceptionGroup):
            waiting.extend((member, "cause") for member in each.exceptions)


def _entry(error: BaseException, relation: str | None, *, handled: bool) -> dict[str, Any]:
    kind = type(error)
    entry = {
        "type": kind.__qualname__,
        "module": kind.__module__,
        "value": _text_of(error),
        "frames": _frames(error.__traceback__),
        "handled": handled,
    }
    if relation is not None:
        entry["relation"] = relation
    return entry


def _text_of(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - a foreign __str__ may raise anything
        return "<no text: its __str__ failed>"
    return mask(text[:MAX_VALUE_CHARACTERS])


def _frames(traceback: TracebackType | None) -> list[dict[str, Any]]:
    """The call stack, outermost call first, as tracebacks are printed."""
    head: list[tuple[FrameType, int]] = []
    tail: deque[tuple[FrameType, int]] = deque(maxlen=MAX_FRAMES // 2)
    while traceback is not None:
        (head if len(head) < MAX_FRAMES // 2 else tail).append((traceback.tb_frame, traceback.tb_lineno))
        traceback = traceback.tb_next
    return [_frame(frame, line_number) for frame, line_number in (*head, *tail)]


def _frame(frame: FrameType, line_number: int) -> dict[str, Any]:
    code = frame.f_code
    name, in_app = _place(code.co_filename)
    entry = {
        "filename": name,
        "function": code.co_qualname,
        "lineno": line_number,
        "module": str(frame.f_globals.get("__name__", "")),
        "in_app": in_app,
    }
    if in_app:
        line = linecache.getline(code.co_filename, line_number, frame.f_globals).strip()
        if line:
            entry["context_line"] = line[:MAX_LINE_CHARACTERS]
    return entry


@lru_cache(maxsize=4096)
def _place(filename: str) -> tuple[str, bool]:
    """A file's name below the longest import folder that holds it, and whether it is the application's."""
    foreign = filename.startswith(("<frozen ", _OURS, *_STANDARD_LIBRARY)) or any(
        folder in filename for folder in _INSTALLED
    )
    folders = [folder for folder in sys.path if folder and filename.startswith(f"{folder}/")]
    return filename[len(max(folders, key=len)) + 1 :] if folders else filename, not foreign

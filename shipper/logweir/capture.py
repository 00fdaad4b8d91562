"""What nobody handled, as events: uncaught exceptions, also of threads and event loops, and warnings.

Each kind has one place where Python reports it. We step in between, and whoever stood there before is still
called.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import warnings
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Any, Final, Literal, get_args

from logweir import records
from logweir.process import emitter

Kind = Literal["logging", "warnings", "excepthook", "threading", "asyncio"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

_INHERITED: Final = object()


def install(*kinds: Kind) -> None:
    """Make events of these kinds of reports; all of them where none is named. Twice is once.

    - ``excepthook``: an exception that ends the process, as a critical ``exception.unhandled``;
    - ``threading``: one that ends a thread, as an ``exception.unhandled``;
    - ``asyncio``: what event loops report, such as a task that failed and that nobody awaited; of every loop
      of the standard library, of uvloop where that is imported already, and of the loop that runs now;
    - ``warnings``: what the `warnings` module shows, as a ``python.warning``;
    - ``logging``: the root logger gets a `logweir.logging.Handler`.

    Raises ValueError for another name; then nothing has changed.
    """
    for kind in checked(kinds) or KINDS:
        _INSTALL[kind]()


def uninstall(*kinds: Kind) -> None:
    """Undo `install`. Where somebody else has stepped in since, ours only hands on from now on."""
    for kind in checked(kinds) or KINDS:
        for hook in _HOOKS.get(kind, ()):
            hook.uninstall()
        if kind == "logging":
            for handler in _root_handlers():
                logging.getLogger().removeHandler(handler)


def only(kinds: Collection[str]) -> None:
    """Make events of these kinds and of no others."""
    wanted = checked(kinds)
    rest = [kind for kind in KINDS if kind not in wanted]
    if rest:
        uninstall(*rest)
    if wanted:
        install(*wanted)


def installed() -> list[Kind]:
    """The kinds of which events are made now."""
    return [
        kind
        for kind in KINDS
        if (_root_handlers() if kind == "logging" else any(hook.is_installed for hook in _HOOKS[kind]))
    ]


def checked(kinds: Collection[str]) -> list[Kind]:
    """The same, if all are kinds. Raises ValueError naming the first that is none."""
    if isinstance(kinds, str):
        raise ValueError(f"capture: {kinds!r} is one text; give a tuple of them, such as ('warnings',)")
    if wrong := [kind for kind in kinds if kind not in KINDS]:
        raise ValueError(f"capture: {wrong[0]!r} is none of {', '.join(KINDS)}")
    return [kind for kind in KINDS if kind in kinds]


class _Tap:
    """What one stand-in reports through, as long as it is in use."""

    def __init__(self) -> None:
        self.is_open = True

    def report(
        self, event: str, level: str, fields: dict[str, Any], error: BaseException | None = None
    ) -> None:
        """Emit one event, unless it would be of the shipper's own doing."""
        if self.is_open and not records.is_own(threading.current_thread().name):
            emitter().emit(event, level, fields, error=error, handled=False)


class _Hook:
    """A function of Python's for which we stand in; `make` gives ours, which calls the earlier one."""

    def __init__(
        self, holder: Any, name: str, make: Callable[[_Tap, Callable[..., Any]], Callable[..., Any]]
    ) -> None:
        self.holder = holder
        self._name = name
        self._make = make
        self._earlier: Any = _INHERITED
        self._ours: Any = _INHERITED
        self._tap = _Tap()

    @property
    def is_installed(self) -> bool:
        """Whether it reports."""
        return self._ours is not _INHERITED and self._tap.is_open

    def install(self) -> None:
        """Stand in, on top of whoever does now; one that stands below another already closes its tap."""
        self.uninstall()
        self._tap = _Tap()
        self._earlier = self._stands()
        self._ours = self._make(self._tap, getattr(self.holder, self._name))
        setattr(self.holder, self._name, self._ours)

    def uninstall(self) -> None:
        """Step back, or, where somebody stands on top of us, only hand on."""
        self._tap.is_open = False
        if self._ours is _INHERITED or self._stands() is not self._ours:
            return
        if self._earlier is _INHERITED:
            delattr(self.holder, self._name)
        else:
            setattr(self.holder, self._name, self._earlier)
        self._ours = _INHERITED

    def _stands(self) -> Any:
        return vars(self.holder).get(self._name, _INHERITED)


def _excepthook(tap: _Tap, earlier: Callable[..., Any]) -> Callable[..., Any]:
    def excepthook(kind: type[BaseException], error: BaseException, traceback: Any) -> Any:
        if not issubclass(kind, KeyboardInterrupt):
            tap.report("exception.unhandled", "critical", {"origin": "excepthook"}, error)
        return earlier(kind, error, traceback)

    return excepthook


def _thread_excepthook(tap: _Tap, earlier: Callable[..., Any]) -> Callable[..., Any]:
    def excepthook(arguments: threading.ExceptHookArgs) -> Any:
        if not issubclass(arguments.exc_type, SystemExit):
            fields = {"origin": "threading", "thread_name": getattr(arguments.thread, "name", None)}
            tap.report("exception.unhandled", "error", fields, arguments.exc_value)
        return earlier(arguments)

    return excepthook


def _showwarning(tap: _Tap, earlier: Callable[..., Any]) -> Callable[..., Any]:
    def showwarning(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: Any = None,
        line: str | None = None,
    ) -> Any:
        if file is None:
            fields = {
                "message": _text(message),
                "warning_category": category.__name__,
                "code_file_path": filename,
                "code_line_number": lineno,
            }
            tap.report("python.warning", "warning", fields)
        return earlier(message, category, filename, lineno, file, line)

    return showwarning


def _loop_exception_handler(tap: _Tap, earlier: Callable[..., Any]) -> Callable[..., Any]:
    def call_exception_handler(loop: Any, context: dict[str, Any]) -> Any:
        with suppress(Exception):  # a context is made by libraries too, and may hold anything
            error = context.get("exception")
            error = error if isinstance(error, BaseException) else None
            source = context.get("task") or context.get("future") or context.get("handle")
            fields = {"origin": "asyncio", "message": context.get("message")}
            if isinstance(source, asyncio.Task):
                fields["task_name"] = source.get_name()
            tap.report("exception.unhandled" if error else "asyncio.error", "error", fields, error)
        return earlier(loop, context)

    return call_exception_handler


def _text(message: Any) -> str:
    try:
        return str(message)
    except Exception:  # noqa: BLE001 - a class of warnings may raise anything
        return type(message).__name__


_HOOKS: Final[dict[Kind, list[_Hook]]] = {
    "excepthook": [_Hook(sys, "excepthook", _excepthook)],
    "threading": [_Hook(threading, "excepthook", _thread_excepthook)],
    "warnings": [_Hook(warnings, "showwarning", _showwarning)],
    "asyncio": [_Hook(asyncio.BaseEventLoop, "call_exception_handler", _loop_exception_handler)],
}


def _install_loops() -> None:
    """For all loops of a class, since one that an application sets its own handler on would escape us."""
    hooks = _HOOKS["asyncio"]
    with suppress(RuntimeError):
        _know_loop(type(asyncio.get_running_loop()))
    if "uvloop" in sys.modules:
        _know_loop(sys.modules["uvloop"].Loop)
    for hook in hooks:
        hook.install()


def _know_loop(loop: type) -> None:
    hooks = _HOOKS["asyncio"]
    if not any(issubclass(loop, hook.holder) for hook in hooks):
        hooks.append(_Hook(loop, "call_exception_handler", _loop_exception_handler))


def _root_handlers() -> list[logging.Handler]:
    ours = sys.modules.get("logweir.logging")
    return [each for each in logging.getLogger().handlers if ours and isinstance(each, ours.Handler)]


def _install_logging() -> None:
    from logweir.logging import Handler  # noqa: PLC0415 - brings python-json-logger, which others need not pay for

    if not _root_handlers():
        logging.getLogger().addHandler(Handler())


_INSTALL: Final[dict[Kind, Callable[[], None]]] = {
    "logging": _install_logging,
    "asyncio": _install_loops,
    **{kind: _HOOKS[kind][0].install for kind in ("excepthook", "threading", "warnings")},
}

"""What every event of the current task or thread carries: one `ContextVar` that holds a dict nobody changes.

Binding makes a new dict, so a task that was started earlier keeps what it saw, and reading costs one look-up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from types import MappingProxyType, TracebackType
from typing import Any, Final

from logweir.clean import Cleaner

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
_bound: Final[ContextVar[Mapping[str, Any]]] = ContextVar("logweir", default=_NOTHING)

current = _bound.get
"""The fields bound now. Not to be changed."""


def bind(**fields: Any) -> None:
    """Give `fields` to all later events of this task or thread; secrets among them are redacted at once."""
    _bound.set({**_bound.get(), **Cleaner().clean(fields)})


def unbind(*keys: str) -> None:
    """Forget `keys`; those that are not bound are passed over."""
    _bound.set({key: value for key, value in _bound.get().items() if key not in keys})


def clear() -> None:
    """Forget everything that is bound."""
    _bound.set(_NOTHING)


def replace(fields: Mapping[str, Any]) -> None:
    """Make `fields`, which must be clean, all that is bound."""
    _bound.set(fields)


def restore(keys: Iterable[str], earlier: Mapping[str, Any]) -> None:
    """Give `keys` the values they have in `earlier`, or none, and leave all others as they are."""
    fields = dict(_bound.get())
    for key in keys:
        if key in earlier:
            fields[key] = earlier[key]
        else:
            fields.pop(key, None)
    _bound.set(fields)


class bound:  # noqa: N801 - reads as a verb: with logweir.bound(job="nightly")
    """Give `fields` to the events inside the ``with`` block, then restore the values of those keys.

    Only those keys: what the block binds besides stays bound.
    """

    def __init__(self, **fields: Any) -> None:
        self._fields = Cleaner().clean(fields)
        self._earlier: Mapping[str, Any] = _NOTHING

    def __enter__(self) -> None:
        self._earlier = _bound.get()
        _bound.set({**self._earlier, **self._fields})

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        restore(self._fields, self._earlier)

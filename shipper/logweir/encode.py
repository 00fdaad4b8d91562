"""From an event's name, level and fields to one line of NDJSON, on the caller's thread.

This runs for every event of an application, so the common case, a known event name and plain scalar values
under plain keys, is recognised by three set operations in C and written by one call. Everything else takes
the careful way, which redacts, converts and cuts. Neither ever raises: the worst that becomes of an event
is a short one that says so in ``_encode_error``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from logweir import exceptions
from logweir.clean import MAX_TEXT_CHARACTERS, SCALARS, Cleaner
from logweir.fields import ENCODE_ERROR, EVENT_NAME, FLAGS, TRUNCATED, UNNAMED_EVENT
from logweir.redact import TEXTS, is_secret, mask_texts

MAX_EVENT_BYTES: Final = 64 * 1024
MAX_KNOWN_NAMES: Final = 10_000

OPTIONS: Final = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC
_LOOKED_AT: Final = frozenset({"event", "level", "service", "correlation_id", "exc_info"})
"""Keys that may be plain text and still need the careful way."""
_CORE: Final = frozenset(
    {"timestamp", "level", "event", "service", "correlation_id", "trace_id", "error_id", FLAGS}
)
"""What stays when an event is too large."""


class Encoder:
    """Writes events that share `base` fields; `forced` fields overrule what an event says.

    `clock_ns` gives nanoseconds since the epoch.
    """

    def __init__(
        self,
        base: Mapping[str, Any],
        *,
        forced: Mapping[str, Any] | None = None,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._base = Cleaner(strict=True).clean(base)
        self._forced = dict(forced or {})
        self._clock_ns = clock_ns
        self._second = (-1, "")
        self._names: set[str] = set()
        self._plain_keys: set[str] = set()
        self.encode_errors = 0

    def encode(
        self,
        event: str,
        level: str,
        fields: dict[str, Any],
        context: Mapping[str, Any],
        error: BaseException | None = None,
        handled: bool = True,
    ) -> bytes:
        """One line with its newline, at most `MAX_EVENT_BYTES` long.

        `error` is described in the event's exception fields, `handled` says whether the application caught
        it.
        """
        seconds, micros = divmod(self._clock_ns() // 1000, 1_000_000)
        known, prefix = self._second
        if seconds != known:
            prefix = f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}."
            self._second = (seconds, prefix)
        timestamp = f"{prefix}{micros:06d}Z"
        if type(event) is not str or event not in self._names:
            event = self._name(event, fields)
        if not TEXTS.isdisjoint(fields):
            mask_texts(fields)
        if (
            error is None
            and self._plain_keys.issuperset(fields)
            and SCALARS.issuperset(map(type, fields.values()))
        ):
            try:
                line = orjson.dumps(
                    {
                        "timestamp": timestamp,
                        "level": level,
                        "event": event,
                        **self._base,
                        **context,
                        **fields,
                        **self._forced,
                    },
                    None,
                    OPTIONS,
                )
            except TypeError:
                pass  # a value that JSON has no form for: the careful way finds it
            else:
                if len(line) <= MAX_TEXT_CHARACTERS:
                    return line
        core = {"timestamp": timestamp, "level": level, "event": event}
        try:
            return self._encode_carefully(core, {**context, **fields}, error, handled)
        except Exception as fault:  # noqa: BLE001 - emitting never raises, whatever an application passes in
            return self._stub(core, context, fault)

    def _encode_carefully(
        self, core: dict[str, Any], fields: dict[str, Any], error: BaseException | None, handled: bool
    ) -> bytes:
        self._learn(fields)
        if "exc_info" in fields:
            error = error or exceptions.from_exc_info(fields.pop("exc_info"))
        described = _describe(error, handled=handled) if error is not None else {}
        for strict in (False, True):
            cleaner = Cleaner(strict=strict)
            cleaned = cleaner.clean(fields)
            if strict and described:
                described["exception"] = cleaner.clean({"exception": described["exception"]})["exception"]
            whole = {**core, **self._base, **described, **cleaned, **self._forced}
            if cleaner.cut:
                whole[TRUNCATED] = cleaner.cut
            if cleaner.faults:
                self.encode_errors += 1
                whole[ENCODE_ERROR] = "; ".join(cleaner.faults)[:1024]
            try:
                line = orjson.dumps(whole, None, OPTIONS)
            except TypeError:
                continue
            return line if len(line) <= MAX_EVENT_BYTES else _shrink(whole)
        raise ValueError("no way was found to write this event")

    def _learn(self, fields: Mapping[str, Any]) -> None:
        """Remember the keys that the fast path may take without looking at their values."""
        if len(self._plain_keys) < MAX_KNOWN_NAMES:
            self._plain_keys.update(
                key
                for key in fields
                if type(key) is str and key[:1] != "_" and key not in _LOOKED_AT and not is_secret(key)
            )

    def _name(self, event: Any, fields: dict[str, Any]) -> str:
        """A name that the service takes; a free text becomes the message of a `log.record`."""
        if isinstance(event, str) and EVENT_NAME.fullmatch(event := str.__str__(event)):
            if len(self._names) < MAX_KNOWN_NAMES:
                self._names.add(event)
            return event
        fields["message_template" if "message" in fields else "message"] = event
        return UNNAMED_EVENT

    def _stub(self, core: Mapping[str, Any], context: Mapping[str, Any], fault: Exception) -> bytes:
        self.encode_errors += 1
        kept = {**self._base, **Cleaner(strict=True).clean(context), **self._forced}
        return orjson.dumps({**core, **kept, ENCODE_ERROR: type(fault).__name__}, None, OPTIONS)


def _describe(error: BaseException, *, handled: bool) -> dict[str, Any]:
    """The exception's fields; only its type where its own methods or its modules' loaders raise."""
    try:
        return exceptions.describe(error, handled=handled)
    except Exception:  # noqa: BLE001 - see above
        return {"error_type": type(error).__name__}


def _shrink(whole: dict[str, Any]) -> bytes:
    """Drop the largest fields until the event fits, and name them in ``_truncated``."""
    cut: list[str] = list(whole.pop(TRUNCATED, ()))
    room = MAX_EVENT_BYTES - 8 * 1024
    sizes = {key: len(orjson.dumps(value, None, OPTIONS)) + len(key) for key, value in whole.items()}
    excess = sum(sizes.values()) - room
    for key in sorted(sizes, key=sizes.__getitem__, reverse=True):
        if excess <= 0:
            break
        if key in _CORE:
            continue
        value = whole.pop(key)
        excess -= sizes[key]
        if key == "exception":
            whole[key] = _thin(value)
            excess += len(orjson.dumps(whole[key], None, OPTIONS))
        cut.append(key[:128])
    return orjson.dumps({**whole, TRUNCATED: cut[:50]}, None, OPTIONS)


def _thin(chain: Any) -> Any:
    """The raised exception alone, with the ten frames at each end of its stack and a short text."""
    if not (isinstance(chain, list) and chain and isinstance(chain[0], dict)):
        return []
    first = chain[0]
    frames = first.get("frames", [])
    return [{**first, "value": str(first.get("value"))[:1024], "frames": [*frames[:10], *frames[10:][-10:]]}]

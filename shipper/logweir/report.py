"""What applications otherwise tell Sentry from inside the process; told to the log, it arrives there too.

Names and arguments are those of sentry_sdk, so that calls need no other change. User and tags are bound to
the current task or thread, as by `logweir.bind`, and so stand in every later event of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from logweir import context, exceptions, levels, process
from logweir.fields import BREADCRUMB, ERROR_LEVELS, UNNAMED_EVENT

CAPTURED_EXCEPTION: Final = "exception.captured"

_NO_EXCEPTION: Final = "capture_exception() was called where no exception was being handled"
_USER: Final = ("user_id", "user_email", "user_username")


def capture_exception(
    error: BaseException | None = None,
    *,
    level: str = "error",
    tags: Mapping[str, str] | None = None,
    **fields: Any,
) -> str | None:
    """Report `error`, or the exception being handled, which goes no further: an ``exception.captured``.

    Gives back its `error_id`, by which people find it. One exception reported at several layers counts once.
    A `level` below error keeps it out of Sentry.
    """
    error = exceptions.from_exc_info(True if error is None else error)
    known = _tagged(fields, tags)
    if error is None:
        process.emitter().emit(CAPTURED_EXCEPTION, level, {"message": _NO_EXCEPTION, **known})
        return None
    error_id = exceptions.error_id(error)
    known["error_id"] = error_id
    process.emitter().emit(CAPTURED_EXCEPTION, level, known, error=error, handled=True)
    return error_id


def capture_message(
    message: str, level: str = "info", *, tags: Mapping[str, str] | None = None, **fields: Any
) -> None:
    """Send `message` to Sentry whatever its level: an event that says ``promote: true``.

    Texts that differ in their numbers only are one issue. `level` must not be below what the process emits.
    """
    known = _tagged(fields, tags)
    process.emitter().emit(UNNAMED_EVENT, level, {**known, "message": message, "promote": True})


def set_user(
    user: str | int | UUID | Mapping[str, Any] | None,
    *,
    email: str | None = None,
    username: str | None = None,
    personal: bool = False,
) -> None:
    """Say who is served from now on in this task or thread; None: nobody.

    `user` is an id, or a dict with an `id`; it should be a pseudonym, as the key of a row is. What names a
    person, `email` and `username`, is left out without `personal`; with it, it is bound as `user_email` and
    `user_username`, which a promote rule must name before Sentry sees them.
    """
    if isinstance(user, dict):
        email, username = user.get("email", email), user.get("username", username)
        user = user.get("id")
    user_id = str(user) if isinstance(user, int | UUID) else user
    values = (user_id, email, username) if personal and user_id is not None else (user_id, None, None)
    context.unbind(*_USER)
    context.bind(**{key: value for key, value in zip(_USER, values, strict=True) if value is not None})


def set_tag(key: str, value: str | int | float | bool | None) -> None:
    """Give all later events of this task or thread a tag, which Sentry can be searched by; None removes it.

    Tags are never labels of metrics.
    """
    tags = dict(_tags_bound())
    if value is None:
        tags.pop(key, None)
    else:
        tags[key] = _text(value)
    context.bind(tags=tags)


def add_breadcrumb(
    message: str | Mapping[str, Any] | None = None,
    *,
    category: str | None = None,
    level: str = "info",
    **fields: Any,
) -> None:
    """Leave a trace in the story of the current correlation id: an event ``breadcrumb``.

    Every event is one in Sentry, so this is for what deserves no name of its own. `category` stands beside it
    there. A crumb is no error: its level is warning at most, and it is never promoted. Instead of a message a
    dict may hold all of it.
    """
    if isinstance(message, dict):
        given = {"category": category, "level": level, **fields, **message}
        message, category, level = (given.pop(key, None) for key in ("message", "category", "level"))
        fields = given
    known = levels.normalise(level) or "info"
    if known in ERROR_LEVELS:
        known = "warning"
    told = {"category": category, "message": message}
    fields.update((key, value) for key, value in told.items() if value is not None)
    process.emitter().emit(BREADCRUMB, known, fields)


def _tagged(fields: dict[str, Any], tags: Mapping[str, str] | None) -> dict[str, Any]:
    """`fields` with the `tags` of one event beside those bound."""
    if tags is None:
        return fields
    try:
        texts = {key: _text(value) for key, value in tags.items()}
    except Exception:  # noqa: BLE001 - a foreign mapping may raise anything
        return {**fields, "tags": tags}
    return {**fields, "tags": {**_tags_bound(), **texts}}


def _tags_bound() -> Mapping[str, Any]:
    bound = context.current().get("tags")
    return bound if isinstance(bound, dict) else {}


def _text(value: Any) -> Any:
    """A tag's value as text; of another type it is made one where all values are."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value

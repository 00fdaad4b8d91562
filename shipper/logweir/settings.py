"""What an application configures: argument, else environment variable, else default."""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, cast, get_args
from urllib.parse import urlsplit

from logweir import levels
from logweir.fields import SERVICE_NAME
from logweir.samplers import Sampler, chosen
from logweir.sender import DEFAULT_QUEUE_BYTES
from logweir.sink import Sink
from logweir.spool.place import default_folder

Destination = Literal["stdout", "http"]
Durability = Literal["memory", "crash", "power"]

DEFAULT_SPOOL_BYTES: Final = 256 * 1024 * 1024
MIN_SPOOL_BYTES: Final = 1024 * 1024

DEFAULT_SLOW_SECONDS: Final = 1.0

_FALSE: Final = frozenset({"0", "false", "no", "off"})
_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_NOT_IN_A_NAME: Final = re.compile(r"[^a-z0-9_.-]+")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Checked settings of one process."""

    service: str
    to: Destination | Sink
    url: str | None
    token: str | None = field(repr=False)
    environment: str | None
    version: str | None
    level: str
    promote: bool
    """False: no event of this process becomes a Sentry issue, whatever its level."""
    max_queue_bytes: int
    slow_request_seconds: float
    """A request that takes so long to answer makes an event of its own; 0: none does."""
    slow_block_seconds: float
    """The same for a block of `profile_block`."""
    traces_sample_rate: float | None
    """The share of the traces begun here that is sampled; None leaves it to others to choose."""
    durability: Durability
    """What an event survives that was emitted and not yet sent."""
    spool: Path
    """The folder where events wait, unless they do in memory."""
    shared_spool: bool
    """Whether that folder lies among those of other users."""
    max_spool_bytes: int
    samplers: tuple[Sampler, ...]
    enabled: bool
    """False: nothing is emitted."""
    server_name: str


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """What `configure` was called with; None where nothing was said."""

    service: str | None = None
    to: Destination | Sink | None = None
    url: str | None = None
    token: str | None = field(default=None, repr=False)
    environment: str | None = None
    version: str | None = None
    level: str | None = None
    promote: bool | None = None
    max_queue_bytes: int | None = None
    slow_request_seconds: float | None = None
    slow_block_seconds: float | None = None
    traces_sample_rate: float | None = None
    durability: Durability | None = None
    spool: str | os.PathLike[str] | None = None
    max_spool_bytes: int | None = None
    samplers: Collection[str | Sampler] | None = None


def read(arguments: Arguments, *, environ: Mapping[str, str] = os.environ) -> Settings:
    """Combine arguments, environment and defaults.

    Raises ValueError with one line that names the argument or the variable whose value cannot be used.
    """
    _check_types(arguments)
    url = _url(arguments.url, environ)
    spool = arguments.spool or _first(environ, "LOGWEIR_SPOOL")
    return Settings(
        service=_service(arguments.service, environ),
        to=_destination(arguments.to, url),
        url=url,
        token=_token(arguments.token, environ),
        environment=arguments.environment or _first(environ, "SENTRY_ENVIRONMENT", "ENVIRONMENT"),
        version=arguments.version or _first(environ, "SENTRY_RELEASE", "RELEASE_VERSION", "APP_VERSION"),
        level=_level(arguments.level, environ),
        promote=_promote(arguments.promote, environ),
        max_queue_bytes=_queue_bytes(arguments.max_queue_bytes),
        slow_request_seconds=_slow_seconds(
            "slow_request_seconds",
            arguments.slow_request_seconds,
            _first(environ, "LOGWEIR_SLOW_REQUEST_SECONDS"),
        ),
        slow_block_seconds=_slow_seconds(
            "slow_block_seconds", arguments.slow_block_seconds, _first(environ, "LOGWEIR_SLOW_BLOCK_SECONDS")
        ),
        traces_sample_rate=_sample_rate(arguments.traces_sample_rate, environ),
        durability=_durability(arguments.durability, environ),
        spool=Path(spool) if spool else default_folder(environ),
        shared_spool=not spool,
        max_spool_bytes=_spool_bytes(arguments.max_spool_bytes, environ),
        samplers=_samplers(arguments.samplers, environ),
        enabled=_switch("LOGWEIR_ENABLED", _first(environ, "LOGWEIR_ENABLED")),
        server_name=socket.gethostname(),
    )


def _check_types(arguments: Arguments) -> None:
    """What is no text is told by its type: it may be a secret."""
    for name in ("service", "url", "token", "environment", "version"):
        if not isinstance(value := getattr(arguments, name), str | None):
            raise ValueError(f"{name}: is no text, but of type {type(value).__name__}")
    if not isinstance(arguments.spool, str | os.PathLike | None):
        raise ValueError(f"spool: {arguments.spool!r} is no path")


def _first(environ: Mapping[str, str], *names: str) -> str | None:
    return next((value for name in names if (value := environ.get(name, "").strip())), None)


def _service(argument: str | None, environ: Mapping[str, str]) -> str:
    """OpenTelemetry's variable may hold any text, so it is mapped to the letters allowed; ours may not."""
    name = argument or _first(environ, "LOGWEIR_SERVICE")
    if name is not None:
        if not SERVICE_NAME.fullmatch(name):
            raise ValueError(
                f"{'service' if argument else 'LOGWEIR_SERVICE'}: {name!r} is no service name: "
                "1 to 64 of a-z 0-9 . _ -, a letter or digit first"
            )
        return name
    foreign = _first(environ, "OTEL_SERVICE_NAME") or Path(sys.argv[0] if sys.argv else "").stem
    return _NOT_IN_A_NAME.sub("-", foreign.lower()).strip("-._")[:64] or "unknown"


def _url(argument: str | None, environ: Mapping[str, str]) -> str | None:
    url = argument or _first(environ, "LOGWEIR_URL")
    if url is None:
        return None
    source = "url" if argument else "LOGWEIR_URL"
    if "@" in url:
        raise ValueError(
            f"{source}: holds an @; say who sends with token or LOGWEIR_TOKEN, not in the address"
        )
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment:
        raise ValueError(f"{source}: {url!r} is no address of a service, such as http://127.0.0.1:7171")
    return url.rstrip("/").removesuffix("/v1/events")


def _destination(argument: Destination | Sink | None, url: str | None) -> Destination | Sink:
    if argument is None:
        return "http" if url else "stdout"
    if argument == "http" and url is None:
        raise ValueError("to: 'http' needs url or LOGWEIR_URL")
    known = argument in ("stdout", "http") if isinstance(argument, str) else hasattr(argument, "put")
    if not known:
        raise ValueError(f"to: {argument!r} is none of 'stdout', 'http', or an object with put(line, level)")
    return argument


def _token(argument: str | None, environ: Mapping[str, str]) -> str | None:
    token = argument or _first(environ, "LOGWEIR_TOKEN")
    if token is not None and not (token.isascii() and token.isprintable() and " " not in token):
        raise ValueError(
            f"{'token' if argument else 'LOGWEIR_TOKEN'}: holds a character that no HTTP header may carry"
        )
    return token


def _level(argument: str | None, environ: Mapping[str, str]) -> str:
    text = argument or _first(environ, "LOG_LEVEL") or "info"
    level = levels.normalise(text)
    if level is None:
        raise ValueError(
            f"{'level' if argument else 'LOG_LEVEL'}: {text!r} is none of {', '.join(levels.NUMBER)}"
        )
    return level


def _promote(argument: bool | None, environ: Mapping[str, str]) -> bool:
    """ENABLE_SENTRY=false is a kill switch, so it wins over the argument."""
    return _switch("ENABLE_SENTRY", _first(environ, "ENABLE_SENTRY")) and argument is not False


def _switch(name: str, text: str | None) -> bool:
    text = text or "true"
    if text.lower() not in _FALSE | _TRUE:
        raise ValueError(f"{name}: {text!r} is neither true nor false")
    return text.lower() in _TRUE


def _queue_bytes(argument: int | None) -> int:
    if argument is not None and argument < 1024:
        raise ValueError(f"max_queue_bytes: {argument!r} is too small to hold an event")
    return argument or DEFAULT_QUEUE_BYTES


def _slow_seconds(name: str, argument: float | None, text: str | None) -> float:
    source = name if argument is not None else f"LOGWEIR_{name.upper()}"
    given = argument if argument is not None else text or DEFAULT_SLOW_SECONDS
    try:
        seconds = float(given)
    except ValueError:
        seconds = -1
    if not 0 <= seconds < float("inf"):
        raise ValueError(f"{source}: {given!r} is no number of seconds; 0 switches it off")
    return seconds


def _sample_rate(argument: float | None, environ: Mapping[str, str]) -> float | None:
    text = argument if argument is not None else _first(environ, "SENTRY_TRACES_SAMPLE_RATE")
    if text is None:
        return None
    try:
        rate = float(text)
    except (TypeError, ValueError):
        rate = -1.0
    if not 0 <= rate <= 1:
        source = "SENTRY_TRACES_SAMPLE_RATE" if argument is None else "traces_sample_rate"
        raise ValueError(f"{source}: {text!r} is no share between 0 and 1")
    return rate


def _durability(argument: Durability | None, environ: Mapping[str, str]) -> Durability:
    text = argument or _first(environ, "LOGWEIR_DURABILITY") or "crash"
    found = next((known for known in get_args(Durability) if known == text), None)
    if found is None:
        source = "durability" if argument else "LOGWEIR_DURABILITY"
        raise ValueError(f"{source}: {text!r} is none of {', '.join(get_args(Durability))}")
    return cast("Durability", found)


def _spool_bytes(argument: int | None, environ: Mapping[str, str]) -> int:
    text = str(argument) if argument is not None else _first(environ, "LOGWEIR_SPOOL_BYTES")
    if text is None:
        return DEFAULT_SPOOL_BYTES
    if not text.isdecimal() or int(text) < MIN_SPOOL_BYTES:
        source = "max_spool_bytes" if argument is not None else "LOGWEIR_SPOOL_BYTES"
        raise ValueError(f"{source}: {text!r} is no number of bytes from {MIN_SPOOL_BYTES} on")
    return int(text)


def _samplers(argument: Collection[str | Sampler] | None, environ: Mapping[str, str]) -> tuple[Sampler, ...]:
    """LOGWEIR_SAMPLERS=off is a kill switch, so it wins over the argument."""
    text = _first(environ, "LOGWEIR_SAMPLERS")
    if text is not None and text.lower() in _FALSE:
        return ()
    if argument is not None:
        return chosen(argument)
    try:
        return chosen(text or "")
    except ValueError as fault:
        raise ValueError(f"LOGWEIR_SAMPLERS: {str(fault).removeprefix('samplers: ')}") from None

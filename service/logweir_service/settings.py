"""The environment, read once and strictly; everything else gets values passed down."""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import AliasChoices, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from .access import ingest_tokens, read_tokens
from .errors import ConfigurationError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

OF_THE_SHIPPER: Final = frozenset(
    {
        "LOGWEIR_DURABILITY",
        "LOGWEIR_ENABLED",
        "LOGWEIR_SAMPLERS",
        "LOGWEIR_SERVICE",
        "LOGWEIR_SLOW_BLOCK_SECONDS",
        "LOGWEIR_SLOW_REQUEST_SECONDS",
        "LOGWEIR_SPOOL",
        "LOGWEIR_SPOOL_BYTES",
        "LOGWEIR_TOKEN",
        "LOGWEIR_URL",
    }
)
"""Variables that applications read; they may stand in the same environment."""

_OF_KUBERNETES: Final = re.compile(
    r"\w+_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_\w+)?)?)"
)
"""What it puts into each container for a Service of the namespace, which may well be named logweir."""

_WANTED: Final = {
    "bool_parsing": "must be true or false",
    "float_parsing": "must be a number",
    "int_parsing": "must be a whole number",
    "greater_than": "must be more than {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "literal_error": "must be {expected}",
    "value_error": "{error}",
}
"""What a value has to be, by the library's name of the fault."""


class Settings(BaseSettings):
    """What an operator can set; an argument of ``logweir serve`` wins over the environment."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, env_ignore_empty=True)

    listen: str = Field("127.0.0.1:7171", validation_alias="LOGWEIR_LISTEN")
    """Address and port; port 0 takes a free one."""
    data: Path = Field(Path("data"), validation_alias="LOGWEIR_DATA")
    """The data folder."""
    rules: str = Field("packs", validation_alias="LOGWEIR_RULES")
    """Rule files and folders, with commas between them; ``packs`` are the shipped ones."""
    pack_labels: str = Field("", validation_alias="LOGWEIR_PACK_LABELS")
    """Labels of every pack metric, with commas; empty for service and environment."""
    metric_prefix: str = Field("", validation_alias="LOGWEIR_METRIC_PREFIX")
    """Put before every derived metric's name, for a shadow stage beside in-process metrics."""
    ingest_tokens: str = Field("", validation_alias="LOGWEIR_INGEST_TOKENS")
    """``TOKEN=SERVICES,TOKEN=SERVICES``: who may send, and for which services."""
    read_tokens: str = Field("", validation_alias="LOGWEIR_READ_TOKENS")
    """Tokens that may search and scrape, with commas between them."""
    read_token: str = Field("", validation_alias="LOGWEIR_READ_TOKEN")
    """The read token that ``logweir grep --url`` sends."""
    token: str = Field("", validation_alias="LOGWEIR_TOKEN")
    """The token that ``logweir dead retry`` sends."""
    reload_endpoint: bool = Field(False, validation_alias="LOGWEIR_RELOAD_ENDPOINT")
    """Whether ``POST /-/reload`` loads the rules anew."""
    metrics_enabled: bool = Field(True, validation_alias=AliasChoices("ENABLE_METRICS", "ENABLE_PROMETHEUS"))
    """Whether ``/metrics`` is served."""
    sentry_enabled: bool = Field(True, validation_alias="ENABLE_SENTRY")
    """Whether errors are promoted."""
    retention_days: float = Field(30.0, gt=0, validation_alias="LOGWEIR_RETENTION_DAYS")
    """How long events are kept."""
    retention_bytes: int = Field(50_000_000_000, gt=0, validation_alias="LOGWEIR_RETENTION_BYTES")
    """How much is kept of the journal."""
    compact_after_hours: float = Field(1.0, ge=0, validation_alias="LOGWEIR_COMPACT_AFTER_HOURS")
    """How old a full segment's newest event is before it is compacted."""
    on_full: Literal["reject", "drop_oldest"] = Field("reject", validation_alias="LOGWEIR_ON_FULL")
    """What happens when the disk is full and promotion has not read the oldest events."""
    min_free_bytes: int | None = Field(None, ge=0, validation_alias="LOGWEIR_MIN_FREE_BYTES")
    """What is left free on the disk; None for 5 % of it, at most 1 GB."""
    ballast_bytes: int | None = Field(None, ge=0, validation_alias="LOGWEIR_BALLAST_BYTES")
    """Size of the file that is given up when a checkpoint finds no room; None for 1 %, at most 64 MiB."""
    checkpoint_seconds: float = Field(5.0, gt=0, validation_alias="LOGWEIR_CHECKPOINT_SECONDS")
    """How often counters and marks are saved."""
    allow_network_filesystem: bool = Field(False, validation_alias="LOGWEIR_ALLOW_NETWORK_FILESYSTEM")
    """Whether the data folder may lie on a network file system."""
    sentry_dsn: str = Field("", validation_alias="SENTRY_DSN")
    """Where errors are promoted to; empty for nowhere."""
    environment: str = Field("", validation_alias=AliasChoices("SENTRY_ENVIRONMENT", "ENVIRONMENT"))
    """The environment of promoted events that name none."""
    release: str = Field(
        "", validation_alias=AliasChoices("SENTRY_RELEASE", "RELEASE_VERSION", "APP_VERSION")
    )
    """The release of promoted events that name none."""

    sentry_issue_url: str = Field("", validation_alias="LOGWEIR_SENTRY_ISSUE_URL")
    """Where pages link to an error in Sentry; ``{event_id}`` stands for its event there."""
    trace_url: str = Field("", validation_alias="LOGWEIR_TRACE_URL")
    """Where pages link to a trace; ``{trace_id}`` stands for its id."""

    @property
    def rule_sources(self) -> list[str]:
        """What `rules` names, in order."""
        return _parts(self.rules)

    @property
    def pack_label_names(self) -> list[str] | None:
        """What `pack_labels` names; None where the packs keep their own."""
        return _parts(self.pack_labels) or None

    @field_validator("data", mode="before")
    @classmethod
    def _folder(cls, text: Any) -> Any:
        if isinstance(text, str) and not text.strip():
            raise ValueError("is empty; name a folder, or leave --data out for ./data")
        return text

    @field_validator("rules")
    @classmethod
    def _named(cls, text: str) -> str:
        if not text.strip(" ,"):
            raise ValueError("must name rules, such as packs")
        return text

    @field_validator("metric_prefix")
    @classmethod
    def _not_our_own(cls, text: str) -> str:
        if text.startswith(("logweir", "__")):
            raise ValueError("must not begin with logweir, as the service's own metrics do, or with __")
        return text

    @field_validator("sentry_issue_url")
    @classmethod
    def _leads_to_issues(cls, text: str) -> str:
        return _link(text, "event_id")

    @field_validator("trace_url")
    @classmethod
    def _leads_to_traces(cls, text: str) -> str:
        return _link(text, "trace_id")

    @field_validator("listen")
    @classmethod
    def _address(cls, text: str) -> str:
        host, _, port = text.rpartition(":")
        if not host or not port.isdigit() or int(port) > 65535:
            raise ValueError("must read HOST:PORT, such as 127.0.0.1:7171")
        return text

    @property
    def host(self) -> str:
        """The address to listen on."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port to listen on."""
        return int(self.listen.rpartition(":")[2])

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the service."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def read_settings(
    *, listen: str | None = None, data: str | None = None, rules: str | None = None
) -> Settings:
    """The settings in force; an argument that is None leaves its variable in force.

    Raises:
        ConfigurationError: naming each variable that cannot be used, and what it should hold.
    """
    arguments: dict[str, Any] = {"LOGWEIR_LISTEN": listen, "LOGWEIR_DATA": data, "LOGWEIR_RULES": rules}
    try:
        settings = Settings(**{name: value for name, value in arguments.items() if value is not None})
    except ValidationError as error:
        faults = "; ".join(map(_said, error.errors()))
        raise ConfigurationError(f"settings cannot be used: {faults}") from None
    return settings


def refuse_open_doors(settings: Settings) -> None:
    """Refuse to serve other machines without tokens.

    Raises:
        ConfigurationError: saying which to set.
    """
    tokens = ingest_tokens(settings.ingest_tokens), read_tokens(settings.read_tokens)
    if not settings.is_loopback and not all(tokens):
        raise ConfigurationError(
            f"{settings.listen} can be reached from other machines: set LOGWEIR_INGEST_TOKENS and "
            "LOGWEIR_READ_TOKENS, or listen on 127.0.0.1"
        )


def unknown_names(environ: Mapping[str, str] = os.environ) -> list[str]:
    """The variables that begin with ``LOGWEIR_`` and that nobody reads, each with what was probably meant."""
    known = {name for field in Settings.model_fields for name in _names(field)} | OF_THE_SHIPPER
    unknown = sorted(
        name
        for name in environ
        if name.startswith("LOGWEIR_") and name not in known and not _OF_KUBERNETES.fullmatch(name)
    )
    return [f"{name}{_meant(name, known)}" for name in unknown]


def _meant(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
    return f" (did you mean {close[0]}?)" if close else ""


def _said(fault: ErrorDetails) -> str:
    """What is wrong with a variable, under the name by which it was set."""
    named = str(fault["loc"][0])
    names = next((names for field in Settings.model_fields if named in (names := _names(field))), [named])
    name = next((each for each in names if os.environ.get(each)), named)
    wanted = _WANTED.get(fault["type"])
    return f"{name}: {wanted.format(**fault.get('ctx', {})) if wanted else fault['msg']}"


def _link(text: str, placeholder: str) -> str:
    """A link in which one value is to be filled in, behind the host, or none at all."""
    whole = rf"https?://[^\s{{}}/?#@]+[/?#](?:[^\s{{}}]|\{{{placeholder}\}})*"
    if text and not (f"{{{placeholder}}}" in text and re.fullmatch(whole, text)):
        raise ValueError(f"must be a link such as https://host.example/{{{placeholder}}}")
    return text


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _names(field: str) -> list[str]:
    alias = Settings.model_fields[field].validation_alias
    return [str(choice) for choice in (alias.choices if isinstance(alias, AliasChoices) else [alias])]

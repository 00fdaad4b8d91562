"""What may be a name: Prometheus' conventions (those of ``promtool check metrics``) and the labels it keeps.

https://prometheus.io/docs/practices/naming/
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from logweir_service.event import attribute

UNITS: Final = frozenset(
    "seconds bytes ratio celsius meters grams joules volts amperes tokens usd eur rows items pages".split()
)
"""Units that a histogram's name may end in: base units, currencies and things that are counted."""

SCALES: Final = {
    "seconds": {
        "ns": (1.0, 1e9),
        "us": (1.0, 1e6),
        "ms": (1.0, 1e3),
        "s": (1.0, 1.0),
        "m": (60.0, 1.0),
        "h": (3600.0, 1.0),
        "d": (86400.0, 1.0),
    },
    "bytes": {
        "B": (1.0, 1.0),
        "kB": (1e3, 1.0),
        "MB": (1e6, 1.0),
        "GB": (1e9, 1.0),
        "KiB": (2.0**10, 1.0),
        "MiB": (2.0**20, 1.0),
        "GiB": (2.0**30, 1.0),
    },
    "ratio": {"ratio": (1.0, 1.0), "percent": (1.0, 100.0)},
}
"""Per unit of a metric, the units a field may have: multiply by the first number, divide by the second.

Division by 1000 is exact where multiplication by 0.001 is not, and a bucket's bound shows the difference.
"""

_METRIC: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_LABEL: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_FIELD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CAMEL: Final = re.compile(r"[a-z][A-Z]")
_RESERVED_LABELS: Final = frozenset({"job", "instance", "le", "quantile"})
_RESERVED_ENDINGS: Final = ("_count", "_sum", "_bucket", "_created", "_info")
_TYPES: Final = frozenset({"counter", "gauge", "histogram", "summary"})
_ABBREVIATED: Final = frozenset("s ms us ns sec b kb mb gb tb pb m h d".split())
_PREFIXES: Final = (
    "nano",
    "micro",
    "milli",
    "centi",
    "deci",
    "kilo",
    "mega",
    "giga",
    "tera",
    "peta",
    "kibi",
    "mebi",
)
_OTHER_UNITS: Final = {
    "minutes": "seconds",
    "hours": "seconds",
    "days": "seconds",
    "weeks": "seconds",
    "percent": "ratio",
    "kelvins": "celsius",
    "bits": "bytes",
}


def family(name: str, kind: str) -> str:
    """The name of a metric's family in OpenMetrics, where a counter's ``_total`` belongs to its sample."""
    return name.removesuffix("_total") if kind == "counter" else name


def unit(name: str) -> str | None:
    """The unit at the end of a metric's name, before ``_total``."""
    last = name.removesuffix("_total").rpartition("_")[2]
    return last if last in UNITS else None


def metric_name_problems(name: str, kind: str) -> Iterator[str]:
    """Say what is wrong with a metric's name."""
    if not _METRIC.fullmatch(name):
        yield "is not a metric name ([a-zA-Z_][a-zA-Z0-9_]*)"
        return
    if name.startswith("logweir_"):
        yield "begins with logweir_, which is the service's own"
    if name.startswith("__"):
        yield "begins with two underscores, which Prometheus keeps for itself"
    if _CAMEL.search(name):
        yield "should be written in snake_case"
    if kind == "counter" and not name.endswith("_total"):
        yield "is a counter and must end in _total"
    if kind != "counter" and name.endswith("_total"):
        yield f"is a {kind} and must not end in _total"
    base = name.removesuffix("_total")
    if base.endswith(_RESERVED_ENDINGS) and not (kind == "counter" and base.endswith("_created")):
        yield f"must not end in {', '.join(_RESERVED_ENDINGS)}, which Prometheus gives a meaning"
    yield from _word_problems(base)
    if kind == "histogram" and unit(name) is None:
        yield f"is a histogram and must end in its unit: {', '.join(sorted(UNITS))}"


def _word_problems(base: str) -> Iterator[str]:
    words = base.lower().split("_")
    for word in words:
        if word in _TYPES:
            yield f"must not name its type '{word}'"
        if word in _OTHER_UNITS:
            yield f"should use the base unit {_OTHER_UNITS[word]} instead of {word}"
        for prefix in _PREFIXES:
            if word.removeprefix(prefix) in UNITS and word.startswith(prefix):
                yield f"should use the base unit {word.removeprefix(prefix)} instead of {word}"
    if len(words) > 1 and words[-1] in _ABBREVIATED:
        yield f"should not abbreviate its unit '{words[-1]}'"


def label_name_problems(name: str) -> Iterator[str]:
    """Say what is wrong with a label's name."""
    if not _LABEL.fullmatch(name):
        yield "is not a label name ([a-zA-Z_][a-zA-Z0-9_]*)"
    elif name in _RESERVED_LABELS or name.startswith("__"):
        yield "is kept by Prometheus for itself"
    elif _CAMEL.search(name):
        yield "should be written in snake_case"


def field_name_problems(name: str) -> Iterator[str]:
    """Say why an event's field of this name cannot be read by a rule."""
    if not _FIELD.fullmatch(name):
        yield "is not a field name ([A-Za-z_][A-Za-z0-9_]*); fields are flat, http.route is http_route"
    elif name.startswith("__") or (name[-1] == "_" and attribute(name[:-1]) == name):
        yield "cannot be read by rules"


def unbounded(field: str) -> str | None:
    """Why a field makes too many series to be a label by itself, or None."""
    words = field.lower().split("_")
    if field.lower().endswith("_id") and field != "service_instance_id":
        return "an id has a value per event or person"
    if "email" in words or field.lower().endswith("e_mail"):
        return "e-mail addresses are personal and without number"
    if words[0] in ("url", "uri") or words[-1] in ("url", "uri"):
        return "addresses are without number; http_route is the template"
    return None

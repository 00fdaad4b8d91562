"""Writes ``docs/metrics.md`` from the packs: ``python -m tests.rules.metrics_page``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from logweir_service.rules import MetricRule, load
from logweir_service.rules.names import unit

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "metrics.md"
PACKS = ROOT / "service" / "logweir_service" / "packs"

EVERYWHERE = ("service", "environment")
"""The labels that stand on every metric of the packs."""

INTRODUCTION = """\
# Metrics of the packs

Generated from the rules of the packs by `python -m tests.rules.metrics_page`; a test holds it to them.

Every metric has the labels `service` and `environment` too; `LOGWEIR_PACK_LABELS` puts others in their place.
A gauge that each instance tells for itself has `instance_id`, and an instance that is silent for 5 minutes is
forgotten. "Fields" are those of the event that the rule reads. How rules work, and how to write your own:
[rules](rules.md). What the service says of itself: [its own metrics](service-metrics.md). What Prometheus
makes of them, such as `cache_hit_rate`: [recording rules](../deploy/prometheus/recording.yaml).
"""

APART = {
    "compat": "Not among `packs`: the same events counted again under other names, for dashboards that have "
    "them. `LOGWEIR_RULES=packs,packs/compat` adds them. `active_users_total{time_period}` is a "
    "recording rule; `external_api_calls_total` has `target` for what was its `service`."
}

_ACROSS = {"sum": "The sum", "max": "The largest", "min": "The smallest"}


def page() -> str:
    """The whole page."""
    names = sorted((file.stem for file in PACKS.glob("*.yaml")), key=lambda name: (name in APART, name))
    return INTRODUCTION + "".join(f"\n{_pack(name)}" for name in names)


def queries(rules: tuple[MetricRule, ...]) -> Iterator[tuple[str, str]]:
    """Each metric with a query that a dashboard may ask of it."""
    for rule in rules:
        yield rule.name, query(rule)


def query(rule: MetricRule) -> str:
    """A PromQL query that makes sense of a metric of this type."""
    own = [label.name for label in rule.labels if label.name not in (*EVERYWHERE, "instance_id")]
    by = ", ".join(["service", *own])
    if rule.type == "histogram":
        return f"histogram_quantile(0.95, sum by (le, {by}) (rate({rule.name}_bucket[5m])))"
    if rule.type == "counter":
        spent = unit(rule.name) in ("usd", "eur")
        return f"sum by ({by}) ({f'increase({rule.name}[1d])' if spent else f'rate({rule.name}[5m])'})"
    if rule.distinct is not None:
        return f'{rule.name}{{window="{rule.distinct.windows[0][0]}"}}'
    usual = "min" if rule.name.endswith("_up") else "max" if unit(rule.name) == "ratio" else "sum"
    fold = rule.across or usual
    return f"{fold} by ({by}) ({rule.name})"


def _pack(name: str) -> str:
    rules = load([f"packs/{name}"]).metrics
    lines = [f"## {name}", ""]
    if name in APART:
        lines += [APART[name], ""]
    lines += ["| metric | type | labels | unit | event | fields | meaning |", "| " + "--- | " * 6 + "--- |"]
    lines += [_row(rule) for rule in rules]
    lines += ["", "```promql", *(query for _, query in queries(rules)), "```", ""]
    return "\n".join(lines)


def _row(rule: MetricRule) -> str:
    labels = [label.name for label in rule.labels if label.name not in EVERYWHERE]
    labels += ["window"] if rule.distinct else []
    fields = sorted(rule.fields - {*EVERYWHERE, "event"})
    cells = [
        f"`{rule.name}`",
        rule.type,
        _code(labels),
        unit(rule.name) or "",
        "any" if rule.events == ("*",) else _code(rule.events),
        _code(fields),
        " ".join([rule.help, *_notes(rule)]),
    ]
    return "| " + " | ".join(cells) + " |"


def _notes(rule: MetricRule) -> Iterator[str]:
    """What a reader of the number must know beside its help."""
    given = rule.value and f"{rule.value.field} is not None"
    if rule.when is not None and rule.when.text != given:
        yield f"Where `{rule.when.text}`."
    if rule.buckets:
        yield f"Buckets {' '.join(f'{bound:g}' for bound in rule.buckets)}."
    if rule.across is not None:
        yield f"{_ACROSS[rule.across]} of all instances."
    if rule.once is not None:
        yield f"Once for each `{rule.once}`."
    for text, value in rule.parts:
        yield f"`{rule.by}` {text} is `{value.field}`."
    if rule.pair is not None:
        yield f"From `{rule.pair.start[0]}` to `{rule.pair.end[0]}` with the same `{rule.pair.key}`."


def _code(names: list[str] | tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    PAGE.write_text(page())

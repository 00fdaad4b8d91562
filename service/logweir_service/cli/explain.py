"""``logweir explain``."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from logweir_service.decode import Decoder, StoredDecoder
from logweir_service.derive import Explanation, explain
from logweir_service.event import Event
from logweir_service.limits import Limits
from logweir_service.promote import Selection, Verdict, verdicts
from logweir_service.rules import RuleSet, load
from logweir_service.scrub import Scrubber
from logweir_service.settings import read_settings

from .commands import Commands, add_rules_option
from .outcome import FAILED, NOTHING_FOUND


def add_to(commands: Commands) -> None:
    """Offer the command."""
    command = commands.add_parser("explain", help="say which rules take an event, and why the others do not")
    command.add_argument("event", metavar="EVENT.json", help="one event; - reads stdin")
    add_rules_option(command)
    command.add_argument("--json", action="store_true", help="for programs, on one line")
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    text = sys.stdin.buffer.read() if options.event == "-" else Path(options.event).read_bytes()
    settings = read_settings(rules=options.rules)
    rules = load(settings.rule_sources, pack_labels=settings.pack_label_names)
    received = time.time()
    batch = Decoder(Limits(), Scrubber()).decode(_on_one_line(text), received=received, numbered=False)
    if batch.rejections:
        refused = batch.rejections[0]
        where = f" ({refused.field})" if refused.field else ""
        print(f"logweir: the service refuses it: {refused.code}{where}: {refused.message}", file=sys.stderr)
        return FAILED
    if batch.count != 1:
        print(f"logweir: {batch.count} events are given; give one", file=sys.stderr)
        return FAILED
    (event,) = next(StoredDecoder({*rules.fields, *Selection(rules.promote).fields}).events(batch.lines))
    metrics = [*explain(rules.metrics, event, received=min(received, event.timestamp.timestamp()))]
    promoted = verdicts(rules.promote, event)
    if options.json:
        told = {"metrics": [*map(asdict, metrics)], "promote": [*map(asdict, promoted)]}
        print(json.dumps(told, default=str))
    else:
        print(*_lines(event, rules, metrics, promoted), sep="\n")
    found = [*(each.taken for each in metrics), *(each.taken for each in promoted)]
    return 0 if any(found) else NOTHING_FOUND


def _on_one_line(text: bytes) -> bytes:
    """A JSON object that was written for people, as senders write it."""
    text = text.strip()
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (ValueError, RecursionError):
        pass  # several events, or none: the decoder says what it is
    else:
        text = text.replace(b"\n", b" ")  # which stand between its members: a text of JSON holds none
    return text + b"\n"


def _lines(
    event: Event, rules: RuleSet, metrics: Sequence[Explanation], promoted: Sequence[Verdict]
) -> Iterator[str]:
    taken = [each for each in metrics if each.taken]
    yield f"{event.event} ({event.level}) of {event.service}: {len(taken)} of {len(rules.metrics)} metrics"
    names = [*(each.rule for each in metrics), *(each.rule for each in promoted)]
    width = max(map(len, names), default=0)
    for each in taken:
        yield f"+ {each.rule:{width}}  {each.why}{_braced(each.labels)}"
    for each in metrics:
        if not each.taken and each.reason != "event":
            yield f"- {each.rule:{width}}  {each.why}{_looked_at(each.fields)}"
    for verdict in promoted:
        sign, what = ("+", "promoted: ") if verdict.taken else ("-", "not promoted: ")
        yield f"{sign} {verdict.rule:{width}}  {what}{verdict.why}{_looked_at(verdict.fields)}"
    others = [each for each in metrics if each.reason == "event"]
    if others:
        yield (
            "1 metric takes other events" if len(others) == 1 else f"{len(others)} metrics take other events"
        )


def _braced(labels: Mapping[str, str]) -> str:
    return (
        f" {{{', '.join(f'{name}={json.dumps(text)}' for name, text in labels.items())}}}" if labels else ""
    )


def _looked_at(fields: Mapping[str, Any]) -> str:
    told = ", ".join(f"{name} is {_short(value)}" for name, value in fields.items())
    return f" ({told})" if told else ""


def _short(value: Any) -> str:
    text = "absent" if value is None else json.dumps(value, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."

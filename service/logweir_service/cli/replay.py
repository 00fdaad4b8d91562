"""``logweir replay``."""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Final

from logweir_service.event import rfc3339
from logweir_service.journal import DataFolder, History
from logweir_service.pipeline import Difference, Replay, differences
from logweir_service.rules import RuleSet, load
from logweir_service.settings import Settings, read_settings

from .commands import Commands, add_data_option
from .outcome import NOTHING_FOUND
from .progress import Progress

_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|d)", re.ASCII)
_SECONDS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


def add_to(commands: Commands) -> None:
    """Offer the command."""
    command = commands.add_parser("replay", help="say which series other rules make of the stored events")
    command.add_argument("--rules", required=True, metavar="NEW", help="the rules to try, with commas")
    command.add_argument("--diff", metavar="OLD", help="what to compare with: LOGWEIR_RULES, else packs")
    command.add_argument(
        "--since",
        metavar="WHEN",
        default="24h",
        type=_since,
        help="how far back: a duration such as 90m or 7d, or a time such as 2026-01-31T12:00:00Z; else 24h",
    )
    add_data_option(command)
    command.add_argument("--json", action="store_true", help="for programs, on one line")
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    settings = read_settings(data=options.data, rules=options.diff)
    replay = Replay(_rules(settings), _rules(read_settings(rules=options.rules)))
    folder = DataFolder(settings.data)
    folder.identify()
    history = History(folder.journal, since=options.since)
    with Progress("reading", history.total_bytes) as progress:
        for located in history:
            replay.take(located)
            progress(history.read_bytes)
    if replay.first is None:
        print(f"logweir: nothing was stored since {rfc3339(options.since)}", file=sys.stderr)
        return NOTHING_FOUND
    if history.missing_commits:
        told = f"{history.missing_commits:,} stored batches are damaged or gone, and count under neither"
        print(f"logweir: {told}", file=sys.stderr)
    if history.removed_events:
        told = "stored events were removed by store rules or erased, and count under neither"
        print(f"logweir: {history.removed_events:,} {told}", file=sys.stderr)
    before, after = replay.samples()
    found = [*differences(before, after)]
    same = sum(before.get(sample) == value for sample, value in after.items())
    if options.json:
        content = {
            "events": replay.events,
            "first": rfc3339(replay.first),
            "last": rfc3339(replay.last),
            "differences": [*map(asdict, found)],
            "same": same,
            "missing_commits": history.missing_commits,
            "removed_events": history.removed_events,
        }
        print(json.dumps(content))
    else:
        print(f"{replay.events:,} events from {rfc3339(replay.first)} to {rfc3339(replay.last)}")
        print(*_lines(found, same), sep="\n")
    return 0


def _since(text: str) -> float:
    """A moment, in epoch seconds: so long ago, or that of RFC 3339, UTC where it names no zone."""
    if match := _DURATION.fullmatch(text):
        return max(time.time() - float(match[1]) * _SECONDS[match[2]], 0.0)
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither a duration such as 90m or 7d nor a time such as 2026-01-31T12:00:00Z"
        ) from None


def _rules(settings: Settings) -> RuleSet:
    return load(settings.rule_sources, pack_labels=settings.pack_label_names)


def _lines(found: Sequence[Difference], same: int) -> Iterator[str]:
    come = go = 0
    for each in found:
        if each.before is None:
            come += 1
            yield f"+ {each.sample} {_number(each.after)}"
        elif each.after is None:
            go += 1
            yield f"- {each.sample} {_number(each.before)}"
        else:
            yield f"~ {each.sample} {_number(each.before)} -> {_number(each.after)}"
    yield f"{come} samples come, {go} go, {len(found) - come - go} differ, {same} are the same"


def _number(value: float | None) -> str:
    return repr(value).removesuffix(".0")

"""What became of the traffic: asked of the running parts, in the ways a person would."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from deploy.demo.program import environment, output_of
from logweir_service.event import identity
from logweir_service.find import Stories
from logweir_service.journal import DataFolder, JournalReader
from logweir_service.promote import Cursor

SETTLE_SECONDS: Final = 10.0
SENTRY_SECONDS: Final = 20.0
"""Errors wait some seconds for the end of their story, and go one by one."""

Fields = dict[str, Any]


class Places(NamedTuple):
    """Where to ask."""

    service: str
    payments: str
    shop: str
    data: Path


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What was found; `correlation_id` is that of one failed request, and the last four tell of it."""

    requests: int
    """Made by the traffic, as it counts them itself."""
    emitted: Mapping[str, int]
    dropped: Mapping[str, Any]
    """By service, as its shipper says."""
    samples: list[Sample]
    """Everything on the service's /metrics."""
    correlation_id: str
    grep: list[str]
    """The command that prints the story."""
    status: list[str]
    """The command that says where the service stands."""
    story: list[Fields]
    sentry_event: Fields | None
    sent_as: str | None
    """The id of the event that Sentry has taken; None where none was taken."""

    def value(self, name: str, **labels: str) -> int:
        """The sum of all series of a metric that have these labels."""
        return int(sum(sample.value for sample in self.series(name, **labels)))

    def series(self, name: str, **labels: str) -> list[Sample]:
        """The series of a metric that have these labels."""
        return [
            sample
            for sample in self.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]


async def find(places: Places, *, requests: int, correlation_id: str) -> Findings:
    """Wait until the service has what the shippers emitted, and look at everything there is."""
    emitted, dropped = await _settled(places)
    grep = [*_logweir(), "grep", correlation_id, "--url", places.service]
    lines = await output_of([*grep, "--json"], environment())
    rehearse = [*_logweir(), "promote", "--dry-run", "-"]
    rehearsed = await output_of(rehearse, environment("LOGWEIR_RULES"), given=lines)
    sentry_events = _documents(rehearsed.decode())
    sent_as = await _sent_as(places.data, correlation_id) if os.environ.get("SENTRY_DSN") else None
    async with _client() as client:
        samples = await _scrape(client, places.service)
    return Findings(
        requests=requests,
        emitted=emitted,
        dropped=dropped,
        samples=samples,
        correlation_id=correlation_id,
        grep=grep,
        status=[*_logweir(), "status", "--url", places.service],
        story=[json.loads(line) for line in lines.splitlines()],
        sentry_event=next((event for event in sentry_events if "exception" in event), None),
        sent_as=sent_as,
    )


async def _settled(places: Places) -> tuple[dict[str, int], dict[str, Any]]:
    """What the shippers say they emitted and dropped, once the service agrees or the time is over."""
    deadline = time.monotonic() + SETTLE_SECONDS
    async with _client() as client:
        while True:
            said = {
                name: (await client.get(f"{url}/health")).json()["events"]
                for name, url in (("shop", places.shop), ("payments", places.payments))
            }
            emitted = {name: events["emitted"] for name, events in said.items()}
            samples = await _scrape(client, places.service)
            accepted = sum(each.value for each in samples if each.name == "logweir_events_accepted_total")
            if accepted == sum(emitted.values()) or time.monotonic() > deadline:
                return emitted, {
                    name: events["dropped"] for name, events in said.items() if events["dropped"]
                }
            await asyncio.sleep(0.1)


async def _scrape(client: httpx.AsyncClient, url: str) -> list[Sample]:
    text = (await client.get(f"{url}/metrics")).text
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]


def _client() -> httpx.AsyncClient:
    return httpx.AsyncClient(trust_env=False, timeout=10)


async def _sent_as(data: Path, correlation_id: str) -> str | None:
    """The Sentry id of the story's exception, once promotion has settled it: sent it, or given it up."""
    folder = DataFolder(data)
    journal = folder.identify()
    stories = Stories(JournalReader(folder.journal, journal))
    cursor = Cursor(folder.checkpoints / "promote.cursor", journal=journal)
    events = stories(correlation_id)
    error = next((event for event in events if json.loads(event.line)["level"] == "error"), None)
    deadline = time.monotonic() + SENTRY_SECONDS
    while error is not None and time.monotonic() < deadline:
        position = cursor.load()
        if position is not None and position > (error.lsn, error.index):
            return identity(journal, error.lsn, error.index).hex
        await asyncio.sleep(0.2)
    return None


def _documents(text: str) -> list[Fields]:
    """JSON documents that stand one behind the other."""
    decoder = json.JSONDecoder()
    found = []
    while text := text.lstrip():
        document, end = decoder.raw_decode(text)
        found.append(document)
        text = text[end:]
    return found


def _logweir() -> list[str]:
    """The command ``logweir`` of the environment that runs this, as short as it can be typed here."""
    script = Path(sys.executable).with_name("logweir")
    if not script.exists():
        return [sys.executable, "-m", "logweir_service"]
    here = Path.cwd()
    return [str(script.relative_to(here) if script.is_relative_to(here) else script)]

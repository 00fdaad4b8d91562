"""A Prometheus that never looks away: every scrape is held against the ones before."""

from __future__ import annotations

import http.client
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from .oracle import Oracle

_EDITED = "alternating_"
"""Begins anew with each edit of its rule."""

_SOUND = re.compile(r"^logweir_journal_damaged_segments_total 0", re.MULTILINE)

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


class Scraper(threading.Thread):
    """Scrapes for ever; a series must not go back, vanish, change its time of creation, or lag an answer."""

    def __init__(self, *, port: int, oracle: Oracle, pause_seconds: float = 0.02) -> None:
        super().__init__(name="scraper", daemon=True)
        self.scrapes = 0
        self.backward = 0
        self.finishing = threading.Event()
        self._door = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._oracle = oracle
        self._pause_seconds = pause_seconds
        self._one_at_a_time = threading.Lock()
        self._highest: dict[str, float] = {}

    def run(self) -> None:
        """Scrape until told to stop."""
        while not self.finishing.wait(self._pause_seconds):
            self.scrape()
        self._door.close()

    def scrape(self) -> dict[str, float] | None:
        """All derived series of one scrape by their text, or None where the service gave none."""
        with self._one_at_a_time:
            promised = self._oracle.acknowledged_by_service()
            openmetrics = self.scrapes % 2 == 1
            text = self._get(openmetrics=openmetrics)
            if text is None:
                return None
            self.scrapes += 1
            if self.scrapes % 50 == 1:
                self._parse(text, openmetrics=openmetrics)
            if not _SOUND.search(text):
                self._oracle.blame(f"scrape {self.scrapes}: what a power cut left is taken for damage")
            series = _derived(text)
            self._hold(series)
            self._compare(series, promised)
            return series

    def _get(self, *, openmetrics: bool) -> str | None:
        try:
            self._door.request("GET", "/metrics", headers={"Accept": OPENMETRICS} if openmetrics else {})
            answer = self._door.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException):
            self._door.close()
            return None
        if answer.status not in (200, 503):
            self._oracle.blame(f"/metrics answered {answer.status}: {body!r}")
        return body.decode() if answer.status == 200 else None

    def _parse(self, text: str, *, openmetrics: bool) -> None:
        try:
            if openmetrics:
                list(parse_openmetrics(text))
            else:
                list(parse_text(text))
        except ValueError as fault:
            self._oracle.blame(f"a scrape cannot be parsed: {fault}")

    def _hold(self, series: dict[str, float]) -> None:
        """Against the scrapes before; times of creation are only in half of them."""
        for name, highest in self._highest.items():
            value = series.get(name)
            if _moved(name, highest, value):
                self.backward += 1
                self._oracle.blame(f"scrape {self.scrapes}: {name} was {highest} and is {value}")
        self._highest |= {name: value for name, value in series.items() if not name.startswith(_EDITED)}

    def _compare(self, series: dict[str, float], promised: Counter[str]) -> None:
        """Against the answers that were out before the scrape began."""
        counted: Counter[str] = Counter()
        for name, value in series.items():
            if name.startswith("http_requests_total{"):
                counted[label(name, "service")] += int(value)
        for service, least in promised.items():
            shown = counted[service]
            if shown < least:
                self._oracle.blame(
                    f"scrape {self.scrapes}: {least} of {service} are acknowledged, {shown} shown"
                )


def _moved(name: str, before: float, now: float | None) -> bool:
    """Whether a series did what none may."""
    if "_created" in name:
        return now not in (None, before)
    return now is None or now < before


def label(series: str, name: str) -> str:
    """The value of a label in a series' text."""
    return series.partition(f'{name}="')[2].partition('"')[0]


def _derived(text: str) -> dict[str, float]:
    """The series that rules make and that only ever grow, and when they were created."""
    found: dict[str, float] = {}
    growing = False
    for line in text.splitlines():
        if line.startswith("#"):
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                growing = kind in ("counter", "histogram") and not name.startswith("logweir_")
        elif growing:
            name, _, value = line.partition(" # ")[0].rpartition(" ")
            found[name] = float(value)
    return found


def wait_until_ready(port: int, *, unless: Callable[[], bool], seconds: float = 60) -> float | None:
    """How long it took until the service took events, or None where it did not, or `unless` came true."""
    started = time.monotonic()
    door = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with closing(door):
        while (passed := time.monotonic() - started) < seconds and not unless():
            try:
                door.request("GET", "/ready")
                answer = door.getresponse()
                answer.read()
                if answer.status == 200:
                    return passed
            except (OSError, http.client.HTTPException):
                door.close()
            time.sleep(0.005)
    return None

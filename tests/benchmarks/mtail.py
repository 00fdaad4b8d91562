"""mtail (github.com/google/mtail), which derives metrics from log lines by regular expressions.

It knows no JSON. The program below is bound to the fields of the benchmark's events and to their order, which
makes it as fast as it gets; and it reads a file that lies in memory, answers nobody and keeps nothing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from tests.benchmarks.plain_service import SECONDS


def _text(*fields: str) -> str:
    return "".join(rf'"{field}":"[^"]*",' for field in fields)


_BUCKETS: Final = ", ".join(map(str, SECONDS))
_BASE: Final = '"service":"(?P<service>[^"]*)","environment":"(?P<environment>[^"]*)",' + _text(
    "service_version", "service_instance_id", "correlation_id", "logger"
)
_SECONDS: Final = r'"duration_seconds":(?P<seconds>[\d.e-]+)'

PROGRAM: Final = rf"""
counter http_requests_total by service, environment, method, endpoint, status
histogram http_request_duration_seconds by service, environment, method, endpoint buckets {_BUCKETS}
counter db_queries_total by service, environment, query_type, table
histogram db_query_duration_seconds by service, environment, query_type buckets {_BUCKETS}
counter cache_operations_total by service, environment, cache, operation, result
counter errors_total by service, environment, error_type

/"event":"http\.request",{_BASE}{_text("user_id")}"http_request_method":"(?P<method>[^"]*)","http_route":"(?P<endpoint>[^"]*)",{_text("url_path")}"http_response_status_code":(?P<status>\d+),{_text("client_address")}{_SECONDS}/ {{
  http_requests_total[$service][$environment][$method][$endpoint][$status]++
  http_request_duration_seconds[$service][$environment][$method][$endpoint] = $seconds
}} else {{
/"event":"db\.query",{_BASE}{_text("db_system_name")}"db_operation_name":"(?P<query_type>[^"]*)","db_collection_name":"(?P<table>[^"]*)","db_rows":\d+,{_SECONDS}/ {{
  db_queries_total[$service][$environment][$query_type][$table]++
  db_query_duration_seconds[$service][$environment][$query_type] = $seconds
}} else {{
/"event":"cache\.operation",{_BASE}"cache_name":"(?P<cache>[^"]*)","cache_operation":"(?P<operation>[^"]*)","cache_result":"(?P<result>[^"]*)"/ {{
  cache_operations_total[$service][$environment][$cache][$operation][$result]++
}}
}}
}}
/"level":"(?:error|critical)","event":"[^"]*",{_BASE}"error_type":"(?P<error_type>[^"]*)"/ {{
  errors_total[$service][$environment][$error_type]++
}}
"""  # noqa: E501 - mtail knows no line within a regular expression

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]
"""Values of samples by name and labels."""


class Mtail:
    """mtail with the six rules; what it needs lies in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._programs = folder / "programs"
        self._programs.mkdir()
        (self._programs / "six.mtail").write_text(PROGRAM)
        self._nothing = folder / "nothing.log"
        self._nothing.touch()

    @staticmethod
    def is_installed() -> bool:
        """Whether there is one; Debian has it as ``mtail``."""
        return shutil.which("mtail") is not None

    def microseconds(self, log: Path, events: int) -> float:
        """CPU time of reading a file, per event, without that of starting."""
        return (self._run(log)[0] - self._run(self._nothing)[0]) / events * 1e6

    def samples(self, log: Path) -> Samples:
        """What it makes of a file."""
        return samples_of(self._run(log)[1])

    def _run(self, log: Path) -> tuple[float, str]:
        """Seconds of CPU, and the metrics; on one core, where it needs a fifth less than on two."""
        command = ["mtail", "--one_shot", "--one_shot_format", "prometheus", "--logtostderr"]
        command += ["--port", "0", "--progs", str(self._programs), "--logs", str(log)]
        environment = os.environ | {"GOMAXPROCS": "1"}
        with (
            (log.parent / "mtail.out").open("w+") as out,
            subprocess.Popen(command, env=environment, stdout=out, stderr=subprocess.DEVNULL) as process,
        ):
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                raise RuntimeError(f"mtail ended with {process.returncode}")
            out.seek(0)
            return usage.ru_utime + usage.ru_stime, out.read()


def samples_of(text: str) -> Samples:
    """The samples of the six families in an exposition; when a series began is left out."""
    six = {"http_requests", "http_request_duration_seconds", "db_queries", "db_query_duration_seconds"}
    six |= {"cache_operations", "errors"}
    return {
        (sample.name, frozenset(_label(*pair) for pair in sample.labels.items() if pair[0] != "prog")): round(
            sample.value, 3
        )
        for family in text_string_to_metric_families(text)
        if family.name in six
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def _label(name: str, value: str) -> tuple[str, str]:
    return (name, str(float(value))) if name == "le" else (name, value)

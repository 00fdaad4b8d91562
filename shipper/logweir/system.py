"""``system.sample``: what psutil knows of the machine and of this process. Needs the extra ``system``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from logweir.process import emit
from logweir.samplers import SYSTEM_SECONDS

ROOT = "/"


class System:
    """Samples CPU, memory, disks and network of the machine, and CPU, memory and open files of the process.

    `mounts` are the file systems whose use is told, one event each, the first in the event of all else. What
    the machine does not tell is left out. Shares of CPU time are of the time since the sample before.
    """

    def __init__(self, *, mounts: Sequence[str] = (ROOT,), seconds: float = SYSTEM_SECONDS) -> None:
        self.mounts = tuple(mounts)
        self.seconds = seconds
        self._pid = 0
        self._psutil: Any = None
        self._process: Any = None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, System):
            return NotImplemented
        return (self.mounts, self.seconds) == (other.mounts, other.seconds)

    def __hash__(self) -> int:
        return hash((self.mounts, self.seconds))

    def sample(self) -> None:
        """Emit one ``system.sample`` for the first mount and all else, and one for every further mount."""
        first = self._pid != os.getpid()
        if first:
            self._begin()
        fields = dict(self._machine(first=first)) | dict(self._own(first=first))
        for mount in self.mounts or (None,):
            if mount is not None:
                with suppress(Exception):
                    fields["system_disk_usage_ratio"] = round(self._psutil.disk_usage(mount).percent / 100, 5)
                    fields["system_disk_mount"] = mount
            if fields:
                emit("system.sample", **fields)
            fields = {}

    def _begin(self) -> None:
        try:
            import psutil  # noqa: PLC0415 - an extra
        except ImportError:
            raise ImportError("psutil is missing: pip install 'logweir[system]'") from None
        self._psutil, self._process = psutil, psutil.Process()
        self._pid = os.getpid()

    def _machine(self, *, first: bool) -> Iterator[tuple[str, Any]]:
        psutil = self._psutil
        cpu = _tried(psutil.cpu_percent)
        if cpu is not None and not first:
            yield "system_cpu_usage_ratio", round(cpu / 100, 5)
        memory = _tried(psutil.virtual_memory)
        if memory is not None:
            yield "system_memory_usage_ratio", round(memory.percent / 100, 5)
        disks = _tried(psutil.disk_io_counters)
        if disks is not None:
            yield "system_disk_read_bytes", disks.read_bytes
            yield "system_disk_written_bytes", disks.write_bytes
        network = _tried(psutil.net_io_counters)
        if network is not None:
            yield "system_network_receive_bytes", network.bytes_recv
            yield "system_network_transmit_bytes", network.bytes_sent

    def _own(self, *, first: bool) -> Iterator[tuple[str, Any]]:
        cpu = _tried(self._process.cpu_percent)
        if cpu is not None and not first:
            yield "app_process_cpu_usage_ratio", round(cpu / 100, 5)
        memory = _tried(self._process.memory_info)
        if memory is not None:
            yield "app_process_memory_bytes", memory.rss
        open_files = _tried(getattr(self._process, "num_fds", lambda: None))
        if open_files is not None:
            yield "app_process_open_fds", open_files


def _tried(ask: Callable[[], Any]) -> Any:
    """The answer, or None where the machine does not give it: in a container much is forbidden or absent."""
    try:
        return ask()
    except Exception:  # noqa: BLE001 - psutil's own errors, OSError, and what odd kernels make of its parsers
        return None

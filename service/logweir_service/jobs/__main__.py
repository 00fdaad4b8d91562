"""The child's side: do the one job that stands on stdin, and end with whoever asked for it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from importlib import import_module
from typing import Final

import msgspec

JOBS: Final = ("compact", "index", "scan", "story")
"""The modules of this package that do a job."""

_NICE: Final = 10
"""So much does a child stand back behind ingest."""

_PR_SET_PDEATHSIG: Final = 1
"""Of linux/prctl.h."""

_FAILED: Final = 70


def main() -> int:
    """Answer the job on stdin in lines on stdout; a failure is one line on stderr and an exit code."""
    _end_with(int(sys.argv[1]))
    os.nice(_NICE)
    try:
        job = msgspec.json.decode(sys.stdin.buffer.read(), type=dict[str, object])
        name = job["job"]
        if name not in JOBS:
            raise ValueError(f"there is no job {name!r}")
        for line in import_module(f"logweir_service.jobs.{name}").run(job):
            sys.stdout.buffer.write(line + b"\n")
            sys.stdout.buffer.flush()
    except BrokenPipeError:
        os._exit(0)  # nobody reads on, and stdout cannot be flushed at the end
    except Exception as fault:  # noqa: BLE001 - whatever it is, the owner logs it
        sys.stderr.write(f"{type(fault).__name__}: {fault}\n")
        return _FAILED
    return 0


def _end_with(parent_pid: int) -> None:
    """Be killed when the process that asked is gone, also where it was killed itself."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        os._exit(0)


if __name__ == "__main__":
    sys.exit(main())

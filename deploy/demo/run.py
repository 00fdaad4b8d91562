"""``python -m deploy.demo.run [--once] [--seconds N]``: see what Logweir does, on one machine."""

from __future__ import annotations

import signal
import sys


def main() -> int:
    """Run the demo; exits 0 where its report is right, 130 where it was interrupted before."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from deploy.demo.show import show  # noqa: PLC0415 - Ctrl-C during the imports ends it without a traceback

    return show(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())

"""``python -m tests.shipper.chaos --seconds 600 --seed 7``: exits 1 where anything is missing or doubled."""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
from pathlib import Path

from .run import Chaos


def main() -> int:
    """Run once and say what happened; the folder is left where something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.shipper.chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    figures = Chaos(folder, seed=options.seed).run(options.seconds)
    told = [figures.line(), *figures.faults]
    if figures.faults:
        told.append(f"see {folder}")
    else:
        shutil.rmtree(folder)
    sys.stdout.write("\n".join(told) + "\n")
    return 1 if figures.faults else 0


if __name__ == "__main__":
    sys.exit(main())

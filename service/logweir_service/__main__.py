"""The command ``logweir``, also as ``python -m logweir_service``."""

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command, or say which packages it lacks: applications install the shipper alone."""
    try:
        from .cli import main as run  # noqa: PLC0415 - it imports what may not be installed
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("logweir"):
            raise
        sys.stderr.write(f"logweir: {error.name} is not installed: pip install 'logweir[service]'\n")
        sys.exit(78)
    run()


if __name__ == "__main__":
    main()

"""``logweir serve``."""

from __future__ import annotations

import argparse
import gc
import logging
import sys

from logweir_service.settings import read_settings, refuse_open_doors, unknown_names

from .commands import Commands, add_data_option, add_rules_option

_log = logging.getLogger("logweir_service")


def add_to(commands: Commands) -> None:
    """Offer the command."""
    command = commands.add_parser("serve", help="run the ingest service")
    command.add_argument("--listen", metavar="HOST:PORT", help="LOGWEIR_LISTEN, else 127.0.0.1:7171")
    add_data_option(command)
    add_rules_option(command)
    command.add_argument(
        "--reset-counters",
        action="store_true",
        help="let all counters begin at 0 again, as after restoring a backup",
    )
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    gc.disable()  # a start makes much and throws away little; `serve` switches it on again
    from logweir_service.app import serve  # noqa: PLC0415 - HTTP costs half a second that no other needs

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("uvicorn").setLevel(logging.ERROR)  # of bad requests the door tells, with their sender
    settings = read_settings(listen=options.listen, data=options.data, rules=options.rules)
    refuse_open_doors(settings)
    if unknown := unknown_names():
        _log.warning("set, but no setting of Logweir, so nobody reads it: %s", ", ".join(unknown))
    serve(settings, reset_counters=options.reset_counters)
    return 0

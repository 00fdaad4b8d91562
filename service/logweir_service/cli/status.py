"""``logweir status``."""

from __future__ import annotations

import argparse
import sys

from logweir_service.errors import LookUpFailed
from logweir_service.journal import DataFolder
from logweir_service.settings import read_settings
from logweir_service.status import (
    Status,
    decode_status,
    encode_status,
    has_trouble,
    render_status,
    status_of_folder,
)

from .ask import ask
from .commands import Commands, add_data_option, service_url
from .outcome import FAILED


def add_to(commands: Commands) -> None:
    """Offer the command."""
    command = commands.add_parser("status", help="say where a service stands, what is wrong first")
    add_data_option(command)
    command.add_argument("--url", type=service_url, help="ask a running service instead of the folder")
    command.add_argument("--token", help="a read token for --url, else LOGWEIR_READ_TOKEN")
    command.add_argument("--json", action="store_true", help="all of it for programs, on one line")
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    if options.url:
        status = _asked(options.url, options.token or read_settings().read_token)
    else:
        status = status_of_folder(DataFolder(read_settings(data=options.data).data))
    if options.json:
        sys.stdout.buffer.write(encode_status(status))
    else:
        print(*render_status(status), sep="\n")
    return FAILED if has_trouble(status) else 0


def _asked(url: str, token: str) -> Status:
    answer = ask(url, "/v1/status", token=token)
    try:
        return decode_status(answer)
    except ValueError as error:
        raise LookUpFailed(f"{url} is no Logweir service, or one of another version: {error}") from None

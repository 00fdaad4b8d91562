"""What a person asks for on the command line: words, a condition, a folder or a service."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from logweir_service.find import Query, read_time, visible

from .commands import add_data_option, service_url

_T = TypeVar("_T")


def add_query(command: argparse.ArgumentParser) -> None:
    """Let a command be told what is looked for, and where."""
    command.add_argument(
        "query", metavar="QUERY", nargs="*", type=refusing(_query), help="such as service:api level:>=warning"
    )
    command.add_argument(
        "--where",
        metavar="CONDITION",
        default="",
        type=refusing(_where),
        help="""such as 'level == "error"'""",
    )
    add_data_option(command)
    command.add_argument("--url", type=service_url, help="ask a running service instead of the folder")
    command.add_argument("--token", help="a read token for --url, else LOGWEIR_READ_TOKEN")
    command.add_argument("--json", action="store_true", help="the events as they are stored, one per line")


def moment(text: str) -> datetime:
    """The type of an option that takes a moment."""
    return refusing(lambda given: read_time(given, now=datetime.now(UTC)))(text)


def _query(text: str) -> str:
    Query(text)
    return text


def _where(text: str) -> str:
    Query(where=text)
    return text


def refusing(read: Callable[[str], _T]) -> Callable[[str], _T]:
    """A type that tells of wrong usage as `read` does; a fault that begins with "is" is one of the text."""

    def checked(text: str) -> _T:
        try:
            return read(text)
        except ValueError as fault:
            whose = f"'{visible(text)}' " if str(fault).startswith("is ") else ""
            raise argparse.ArgumentTypeError(f"{whose}{fault}") from None

    return checked

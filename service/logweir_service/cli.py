"""The command ``logweir``: exits 0; 1 found nothing or a check failed; 64 usage; else as in `errors`."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn

import msgspec
import urllib3

from .errors import LookUpFailed, OperatorError, RulesError
from .find import Stories, render_story
from .journal import DataFolder, JournalReader
from .lenient import read_object
from .promote import dry_run, envelope_text
from .rules import load
from .settings import read_settings, refuse_open_doors

USAGE = 64
NOTHING_FOUND = FAILED = 1


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and exit."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except OperatorError as error:
        print(f"logweir: {error}", file=sys.stderr)
        code = error.exit_code
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has seen enough
        code = 0
    except (OSError, ValueError) as error:
        print(f"logweir: {error}", file=sys.stderr)
        code = FAILED
    sys.exit(code)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="logweir", description="Log events in; metrics, Sentry issues and stories out.")
    parser.add_argument("--version", action="version", version=f"logweir {version('logweir')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)

    command = commands.add_parser("serve", help="run the ingest service")
    command.add_argument("--listen", metavar="HOST:PORT", help="LOGWEIR_LISTEN, else 127.0.0.1:7171")
    command.add_argument("--data", metavar="FOLDER", help="LOGWEIR_DATA, else ./data")
    command.add_argument("--rules", metavar="RULES", help="LOGWEIR_RULES, else packs")
    command.set_defaults(run=_serve)

    command = commands.add_parser("grep", help="print everything of one correlation id, in order")
    command.add_argument("correlation_id", metavar="ID")
    command.add_argument("--data", metavar="FOLDER", help="LOGWEIR_DATA, else ./data")
    command.add_argument("--url", help="ask a running service instead of the folder")
    command.add_argument("--token", help="a read token for --url, else LOGWEIR_READ_TOKEN")
    command.add_argument("--json", action="store_true", help="the events as they are stored, one per line")
    command.set_defaults(run=_grep)

    command = commands.add_parser("check", help="check rule files")
    command.add_argument("rules", nargs="+", metavar="RULES", help="files, folders, or packs")
    command.set_defaults(run=_check)

    command = commands.add_parser("promote", help="show the Sentry events that stored events become")
    command.add_argument(
        "events", metavar="EVENTS.ndjson", help="as `logweir grep ID --json` prints them; - reads stdin"
    )
    command.add_argument("--dry-run", action="store_true", required=True, help="print and send nothing")
    command.add_argument("--rules", metavar="RULES", help="LOGWEIR_RULES, else packs")
    command.set_defaults(run=_promote)
    return parser


def _serve(options: argparse.Namespace) -> int:
    from .app import serve  # noqa: PLC0415 - the HTTP stack costs half a second that no other command needs

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    settings = read_settings(listen=options.listen, data=options.data, rules=options.rules)
    refuse_open_doors(settings)
    serve(settings)
    return 0


def _grep(options: argparse.Namespace) -> int:
    if options.url:
        lines = _ask(options.url, options.token or read_settings().read_token, options.correlation_id)
    else:
        folder = DataFolder(read_settings(data=options.data).data)
        stories = Stories(JournalReader(folder.journal, folder.identify()))
        lines = [event.line for event in stories(options.correlation_id)]
    if options.json:
        for line in lines:
            sys.stdout.buffer.write(line + b"\n")
    else:
        for text in render_story([read_object(line) for line in lines], colour=sys.stdout.isatty()):
            print(text)
    if not lines:
        print(f"logweir: nothing is stored under {options.correlation_id}", file=sys.stderr)
        return NOTHING_FOUND
    return 0


class _Answer(msgspec.Struct):
    events: list[msgspec.Raw]
    truncated: bool


def _ask(url: str, token: str, correlation_id: str) -> list[bytes]:
    """The stored lines, from a running service."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    place = f"{url.rstrip('/')}/v1/events"
    try:
        answer = urllib3.request(
            "GET",
            place,
            fields={"correlation_id": correlation_id},
            headers=headers,
            timeout=30,
            retries=False,
        )
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        raise LookUpFailed(f"{place} cannot be asked: {error}") from None
    if answer.status != 200:
        raise LookUpFailed(f"{place} answered {answer.status}: {answer.data.decode(errors='replace')[:200]}")
    content = msgspec.json.decode(answer.data, type=_Answer)
    if content.truncated:
        print(f"logweir: only the first {len(content.events)} events are shown", file=sys.stderr)
    return [bytes(event) for event in content.events]


def _check(options: argparse.Namespace) -> int:
    try:
        rules = load(options.rules)
    except RulesError as error:
        print(error, file=sys.stderr)
        return FAILED
    print(f"well-formed: {len(rules.metrics)} metrics, {len(rules.promote)} rules for promotion")
    if rules.not_applied:
        print(f"read, and not applied yet: {', '.join(rules.not_applied)}")
    return 0


def _promote(options: argparse.Namespace) -> int:
    text = sys.stdin.buffer.read() if options.events == "-" else Path(options.events).read_bytes()
    rules = load(read_settings(rules=options.rules).rules.split(","))
    found = [envelope_text(event) for event in dry_run(text.split(b"\n"), rules.promote)]
    print(*found, sep="\n")
    if not found:
        print("logweir: no rule promotes any of these events", file=sys.stderr)
        return NOTHING_FOUND
    return 0

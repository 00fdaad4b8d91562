"""The command ``logweir``: exits 0; 1 nothing found; 64 usage; 77 permission; or as in `errors`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import NoReturn

from logweir_service.errors import OperatorError, RulesError

from .commands import add_commands
from .outcome import FAILED, INTERRUPTED, NO_PERMISSION, USAGE

__all__ = ["main", "parser"]


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and exit."""
    given = sys.argv[1:] if arguments is None else arguments
    options = parser(given).parse_args(given)
    try:
        code: int = options.run(options)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except RulesError as error:
        print(error, file=sys.stderr)  # each line begins with its place, which editors find
        code = error.exit_code
    except OperatorError as error:
        print(f"logweir: {error}", file=sys.stderr)
        code = error.exit_code
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has seen enough
        code = 0
    except PermissionError as error:
        place = error.filename or "a file"
        print(f"logweir: {place} cannot be used: {error.strerror}; run this as its owner", file=sys.stderr)
        code = NO_PERMISSION
    except OSError as error:
        told = f"{error.filename}: {error.strerror}" if error.filename and error.strerror else error
        print(f"logweir: {told}", file=sys.stderr)
        code = FAILED
    except ValueError as error:
        print(f"logweir: {error}", file=sys.stderr)
        code = FAILED
    sys.exit(code)


def parser(chosen: Sequence[str] = ()) -> argparse.ArgumentParser:
    """The commands and their options, in the order of the help; only one of them where `chosen` names it."""
    root = _Parser(prog="logweir", description="Log events in; metrics, Sentry issues and stories out.")
    root.add_argument("--version", action="version", version=f"logweir {version('logweir')}")
    commands = root.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    names = "serve status grep events tail check test explain replay dead promote erase"
    add_commands(commands, __name__, names, chosen=chosen)
    return root


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: {message}; see {self.prog} --help\n")

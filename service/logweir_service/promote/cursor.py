"""How far promotion has come in the journal, kept through restarts."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Final, NamedTuple
from uuid import UUID

from logweir_service.disk import Disk, replace_durably
from logweir_service.errors import ConfigurationError, UnknownFormat

FORMAT: Final = 1

log = logging.getLogger(__name__)


class Position(NamedTuple):
    """The event to look at next: all before it are settled."""

    lsn: int
    line: int


START: Final = Position(1, 0)
"""The first event of the first commit."""


class Cursor:
    """A small file that holds a position in one journal and is replaced whole."""

    def __init__(self, path: Path, *, journal: UUID, disk: Disk | None = None) -> None:
        self.path = path
        self._journal = str(journal)
        self._disk = disk or Disk()

    def load(self) -> Position | None:
        """The position saved last; None where there is none for this journal, or none that can be read.

        Raises:
            UnknownFormat: when a newer version wrote it.
            ConfigurationError: when this user must not read it.
        """
        try:
            saved = json.loads(self.path.read_bytes())
            if saved["format"] != FORMAT:
                raise UnknownFormat(f"{self.path} has format {saved['format']}; this version knows {FORMAT}")
            position = Position(int(saved["lsn"]), int(saved["line"]))
        except FileNotFoundError:
            return None
        except OSError as fault:
            raise ConfigurationError(
                f"{self.path} cannot be read: {fault.strerror}; give this user read access"
            ) from None
        except (ValueError, TypeError, KeyError) as fault:
            log.warning(
                "%s cannot be read (%s): promotion starts at the journal's beginning", self.path, fault
            )
            return None
        return position if saved.get("journal") == self._journal else None

    def save(self, position: Position) -> None:
        """Make `position` durable; on OSError the one saved before still holds."""
        content = {"format": FORMAT, "journal": self._journal, **position._asdict()}
        self.path.parent.mkdir(exist_ok=True)
        replace_durably(self._disk, self.path, json.dumps(content).encode() + b"\n")

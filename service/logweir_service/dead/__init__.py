"""Refused events, kept with the reason, so that they can be looked at and sent again after a fix."""

from .erasing import erase_letters
from .letter import Letter, NewLetter, encode_letter
from .mend import Repairs, Unsendable, sendable
from .reader import find_letter, letter_files, letters, tally
from .retried import Retried
from .store import DeadLetters

__all__ = [
    "DeadLetters",
    "Letter",
    "NewLetter",
    "Repairs",
    "Retried",
    "Unsendable",
    "encode_letter",
    "erase_letters",
    "find_letter",
    "letter_files",
    "letters",
    "sendable",
    "tally",
]

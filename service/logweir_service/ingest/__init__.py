"""The HTTP edge: who may send, how much, in which shape. Nothing behind it knows HTTP."""

from .door import IngestDoor
from .protocol import GuardedProtocol
from .refusals import Refusals

__all__ = ["GuardedProtocol", "IngestDoor", "Refusals"]

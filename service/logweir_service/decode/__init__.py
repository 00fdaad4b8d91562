"""Bytes to events: what is accepted, what is rejected and why. Knows neither HTTP nor rules."""

from .array import ArrayReader
from .batch import Batch, Rejection
from .decoder import Decoder
from .line import LineJudge
from .refused import Refused
from .stored import StoredDecoder
from .turns import Turns

__all__ = ["ArrayReader", "Batch", "Decoder", "LineJudge", "Refused", "Rejection", "StoredDecoder", "Turns"]

"""Bytes to events: what is accepted, what is rejected and why. Knows neither HTTP nor rules."""

from .array import lines_of_array
from .batch import Batch, Rejection
from .decoder import Decoder
from .stored import StoredDecoder

__all__ = ["Batch", "Decoder", "Rejection", "StoredDecoder", "lines_of_array"]

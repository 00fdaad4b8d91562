"""Bytes to events: what is accepted, what is rejected and why. Knows neither HTTP nor rules."""

from .batch import Batch, Rejection, correlation_ids
from .decoder import Decoder, lines_of_array

__all__ = ["Batch", "Decoder", "Rejection", "correlation_ids", "lines_of_array"]

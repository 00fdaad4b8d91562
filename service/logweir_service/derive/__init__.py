"""Derive: events to Prometheus series, by compiled rules."""

from .derivation import Derivation
from .state import DerivationState

__all__ = ["Derivation", "DerivationState"]

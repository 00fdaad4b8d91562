"""Derive: events to Prometheus series, by compiled rules."""

from .derivation import Derivation
from .explanation import Explanation, explain
from .state import DerivationState

__all__ = ["Derivation", "DerivationState", "Explanation", "explain"]

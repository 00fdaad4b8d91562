"""Derive: events to Prometheus series, by compiled rules."""

from .derivation import Derivation
from .explanation import Explanation, explain
from .exposition import View
from .state import DerivationState

__all__ = ["Derivation", "DerivationState", "Explanation", "View", "explain"]

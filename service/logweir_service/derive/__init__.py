"""Derive: events to Prometheus series, by compiled rules."""

from .derivation import Derivation

__all__ = ["Derivation"]

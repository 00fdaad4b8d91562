"""Tests of rules: events in, and what Prometheus would scrape and Sentry would get, without waiting.

Everything between is the service's own: decoder, derivation, exposition, promotion. ``docs/rules.md`` says
how a test is written.
"""

from .coverage import Coverage
from .junit import junit
from .model import Case, Suite
from .reading import read_suites
from .running import Outcome, run

__all__ = ["Case", "Coverage", "Outcome", "Suite", "junit", "read_suites", "run"]

"""Takes secrets out of events before they are stored. Knows neither HTTP nor rules nor the journal."""

from .exact import EXACT_MEMBERS
from .scrubber import Scrubber

__all__ = ["EXACT_MEMBERS", "Scrubber"]

"""What is kept when a segment is compacted, and which one comes next: decisions alone, nothing is touched."""

from .keeping import LOUD, Keeping, Place, Removed
from .turn import Packable, next_in_turn

__all__ = ["LOUD", "Keeping", "Packable", "Place", "Removed", "next_in_turn"]

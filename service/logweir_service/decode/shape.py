"""How deep a line is nested and how many keys its objects have, counted exactly, whatever its strings hold.

Repeated keys count each time: they cost a reader as much as others.
"""

from __future__ import annotations

import re

from logweir_service.limits import Limits

from .refused import Refused

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
_NOT_STRUCTURE = bytes(set(range(256)) - set(b"{}[]:"))
_INNERMOST = re.compile(rb"\{:*\}|\[\]")


def check_shape(line: bytes, limits: Limits) -> None:
    """Refuse a line of valid JSON beyond the limits of depth or keys.

    Each round takes the innermost containers away, so there are as many rounds as levels.
    """
    if line.count(b"{") + line.count(b"[") <= limits.max_depth and line.count(b":") <= limits.max_keys:
        return  # not even if all of it were structure
    structure = _STRING.sub(b"", line).translate(None, _NOT_STRUCTURE)
    crowded = re.compile(rb"\{:{%d,}\}" % (limits.max_keys + 1))
    for _ in range(limits.max_depth):
        if crowded.search(structure):
            raise Refused("too_many_keys", f"an object has more than {limits.max_keys} keys")
        structure = _INNERMOST.sub(b"", structure)
        if not structure:
            return
    raise too_deep(limits)


def too_deep(limits: Limits) -> Refused:
    """The refusal of a line that is nested beyond the limit."""
    return Refused("too_deep", f"nested deeper than {limits.max_depth} levels")

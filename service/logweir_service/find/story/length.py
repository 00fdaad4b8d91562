"""Lengths of time as people say them."""

from __future__ import annotations


def length(seconds: float) -> str:
    """Seconds in about three figures: ``<0.1 ms``, ``4.2 ms``, ``258 ms``, ``2.13 s``, ``3 min 20 s``."""
    if seconds < 0:
        return f"-{length(-seconds)}"
    if seconds < 0.00005:
        return "0 ms" if seconds == 0 else "<0.1 ms"
    if seconds < 0.00995:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.995:
        return f"{seconds:.2f} s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days:,} d {hours} h" if hours else f"{days:,} d"

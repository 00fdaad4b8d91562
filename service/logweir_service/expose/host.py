"""By which name a service without tokens may be asked."""

from __future__ import annotations

import ipaddress
from typing import Final

_HERE: Final = "localhost"


def is_of_this_machine(host: str) -> bool:
    """Whether a ``Host`` header names this machine, or at least nothing that a stranger could have named so.

    A page of ``evil.example`` may let that name point at 127.0.0.1, and its visitors' browsers would then
    show it what only this machine may read. Addresses, ``localhost`` and names without a dot cannot be had.
    https://en.wikipedia.org/wiki/DNS_rebinding
    """
    name = host.strip().lower()
    name = name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]
    name = name.removesuffix(".")
    if "." not in name and ":" not in name:
        return True
    if name.endswith(f".{_HERE}"):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True

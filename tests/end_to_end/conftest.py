"""One Bugsink for all tests that want one."""

from tests.end_to_end.bugsink import bugsink

__all__ = ["bugsink"]

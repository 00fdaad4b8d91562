"""Where a service stands, told by its process or read from its folder, for people and for programs.

`live` is imported by itself: it brings the whole pipeline, and commands should start quickly.
"""

from .folder import status_of_folder
from .model import Status, decode_status, encode_status
from .render import has_trouble, render_status

__all__ = [
    "Status",
    "decode_status",
    "encode_status",
    "has_trouble",
    "render_status",
    "status_of_folder",
]

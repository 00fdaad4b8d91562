"""Where a service stands, told by its process or read from its folder, for people and for programs.

`live` is imported by itself: it brings the whole pipeline, and commands should start quickly.
"""

from .folder import status_of_folder
from .model import Status, decode_status, encode_status
from .render import Line, has_trouble, lines, render_status

__all__ = [
    "Line",
    "Status",
    "decode_status",
    "encode_status",
    "has_trouble",
    "lines",
    "render_status",
    "status_of_folder",
]

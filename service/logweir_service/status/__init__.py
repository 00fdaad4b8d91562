"""Where a service stands, told by its process or read from its folder, for people and for programs."""

from .folder import status_of_folder
from .live import status_of_service
from .model import Status, decode_status, encode_status
from .render import render_status

__all__ = [
    "Status",
    "decode_status",
    "encode_status",
    "render_status",
    "status_of_folder",
    "status_of_service",
]

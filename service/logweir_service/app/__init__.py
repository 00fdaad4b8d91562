"""Composes the stages into one service, and runs it from the first byte to the last."""

from .composition import Service, compose
from .reloading import Reload
from .running import running
from .serving import serve
from .web import http

__all__ = ["Reload", "Service", "compose", "http", "running", "serve"]

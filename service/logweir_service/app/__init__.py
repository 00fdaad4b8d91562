"""Composes the stages into one service, and runs it from the first byte to the last."""

from .composition import Service, compose
from .running import running
from .serving import serve
from .web import http

__all__ = ["Service", "compose", "http", "running", "serve"]

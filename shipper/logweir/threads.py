"""The context of whoever starts it, in a thread: `asyncio.to_thread` copies it, nothing else does.

All of the thread's context variables are copied, those of other libraries too.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from concurrent import futures
from contextvars import copy_context
from typing import ParamSpec, TypeVar

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def wrap(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """`function`, called in a copy of the context that is current now.

    ``Thread(target=logweir.wrap(work))``, ``loop.run_in_executor(None, logweir.wrap(work))``,
    ``pool.map(logweir.wrap(work), items)``. It may be called often and in several threads at once: what one
    call binds, no other sees.
    """
    here = copy_context()

    @functools.wraps(function)
    def call(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        return here.copy().run(function, *args, **kwargs)

    return call


class ThreadPoolExecutor(futures.ThreadPoolExecutor):
    """The standard library's, whose work runs in a copy of the context in which it was submitted.

    Also by `map`, by ``loop.run_in_executor(executor, ...)`` and, after ``loop.set_default_executor``, by
    ``loop.run_in_executor(None, ...)``.
    """

    def submit(
        self, fn: Callable[Parameters, Result], /, *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> futures.Future[Result]:
        """Schedule a call; its context is that of now."""
        return super().submit(functools.partial(copy_context().run, fn, *args, **kwargs))

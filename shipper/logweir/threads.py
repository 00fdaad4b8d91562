"""The context of whoever starts it, in a thread: `asyncio.to_thread` copies it, nothing else does.

All of the thread's context variables are copied, those of other libraries too.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable
from concurrent import futures
from contextvars import copy_context
from typing import Any, ParamSpec, TypeVar, cast

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def wrap(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """`function`, called in a copy of the context that is current now.

    ``Thread(target=logweir.wrap(work))``, ``loop.run_in_executor(None, logweir.wrap(work))``,
    ``pool.map(logweir.wrap(work), items)``. It may be called often and in several threads at once: what one
    call binds, no other sees. An async function is run as a task in that context.
    """
    here = copy_context()

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def call_async(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Any:
            return await asyncio.create_task(function(*args, **kwargs), context=here.copy())

        return cast("Callable[Parameters, Result]", call_async)

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

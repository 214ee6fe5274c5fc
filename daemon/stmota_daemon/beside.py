"""Running one task beside the body of an `async with`, without wrapping the body's errors."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import trio


@asynccontextmanager
async def beside(task: Callable[[], Awaitable[None]]) -> AsyncGenerator[None, None]:
    """Run `task` while the body runs, and cancel it at the body's end.

    What the body raises arrives bare, where a nursery would put it into an ExceptionGroup. The task tells
    its own troubles in its own way; what it raises all the same is a bug, and does arrive in a group.
    """
    failure: BaseException | None = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(task)
        try:
            yield
        except BaseException as error:  # noqa: BLE001  (raised again below, cancellation too)
            failure = error
        nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure

"""Run until SIGINT or SIGTERM, and end in order."""

import signal
from collections.abc import Awaitable, Callable

import trio


def run_until_signal(serve: Callable[[], Awaitable[None]]) -> None:
    """Run `serve` with trio until it returns or a signal comes; an OSError it raises leaves bare."""
    failure = trio.run(_serve, serve)
    if failure is not None:
        raise failure


async def _serve(serve: Callable[[], Awaitable[None]]) -> OSError | None:
    failure: OSError | None = None
    async with trio.open_nursery() as nursery:
        await nursery.start(_cancel_at_signal, nursery.cancel_scope)
        try:
            await serve()
        except OSError as error:
            failure = error
        nursery.cancel_scope.cancel()
    return failure


async def _cancel_at_signal(scope: trio.CancelScope, *, task_status: trio.TaskStatus[None]) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        async for _ in signals:
            scope.cancel()

"""Waking whoever waits for "something has changed"."""

import trio


class Bell:
    """Rung when something has changed; everybody who waits wakes up and looks for itself.

    Nothing is queued for anybody: a reader keeps its own place in what is stored, so a slow one slows
    nobody down and costs no memory. Between looking and `wait` there is no checkpoint, so no ring is missed.
    """

    def __init__(self) -> None:
        self._next = trio.Event()

    def ring(self) -> None:
        """Wake all that wait now."""
        self._next.set()
        self._next = trio.Event()

    async def wait(self) -> None:
        """Return at the next ring."""
        await self._next.wait()

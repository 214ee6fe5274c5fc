"""When to look at a bridge that this daemon does not hold."""

from collections.abc import Awaitable, Callable
from math import inf

import trio

PEEK_EVERY_S = 60.0
"""Without any news: whoever watches the list sees within a minute that a bridge was taken, let go or lost."""
PEEK_GAP_S = 5.0
"""Between two looks, however many clients ask: what is older than this is worth a new look."""


class PeekTimes:
    """The times of one bridge's looks. The first is at once."""

    def __init__(self) -> None:
        self._asked = trio.Event()
        self._asked.set()
        self._last_s = -inf

    def ask(self) -> None:
        """Somebody wants to know, or there is news: look soon."""
        self._asked.set()

    def is_known(self) -> None:
        """How the bridge is, is known at this moment without a look."""
        self._asked = trio.Event()
        self._last_s = trio.current_time()

    async def run(self, look: Callable[[], Awaitable[None]]) -> None:
        """For ever: look when it is time."""
        while True:
            with trio.move_on_after(PEEK_EVERY_S):
                await self._asked.wait()
            await trio.sleep_until(self._last_s + PEEK_GAP_S)
            self._asked = trio.Event()
            await look()
            self._last_s = trio.current_time()

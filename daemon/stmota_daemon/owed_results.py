"""The results a run still owes its user, and how they end when the link does."""

from collections import deque

import trio

from stmota_daemon.bell import Bell
from stmota_daemon.link import LinkError
from stmota_protocol.steps import Outcome, Result


class OwedResults:
    """A queue of results for one task, counted from when their batches were submitted."""

    def __init__(self) -> None:
        self.owed = 0
        """Batches submitted whose results were not taken."""
        self._here: deque[Result] = deque()
        self._unsent = 0
        self._bell = Bell()
        self._lost: LinkError | None = None

    def expect_one(self) -> None:
        """A batch was submitted."""
        self.owed += 1

    def put(self, result: Result) -> None:
        """The oldest batch without a result has one now."""
        self._here.append(result)
        self._bell.ring()

    def skip_last(self, count: int) -> None:
        """The newest `count` batches were never sent; they are skipped once the others have their results."""
        self._unsent += count
        self._bell.ring()

    def lose(self, error: LinkError) -> None:
        """No more results will come."""
        self._lost = error
        self._bell.ring()

    async def take(self) -> Result:
        """Wait for the oldest result. Raises the link's error. Cancellation loses none."""
        if self._here:
            await trio.lowlevel.checkpoint()
        while True:
            if self._here:
                self.owed -= 1
                return self._here.popleft()
            if self._unsent and self._unsent == self.owed:
                self._unsent -= 1
                self.owed -= 1
                return Result(Outcome.SKIPPED)
            if self._lost is not None:
                raise self._lost.with_traceback(None)
            await self._bell.wait()

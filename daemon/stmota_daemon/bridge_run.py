"""One run of batches at a bridge on the network."""

from collections import deque
from collections.abc import Callable
from contextlib import suppress

from stmota_daemon.link import LinkError, Run
from stmota_daemon.owed_results import OwedResults
from stmota_protocol.connection import Connection
from stmota_protocol.messages import Abort, BatchRequest, EndRun, Message
from stmota_protocol.steps import Batch, Result


class BridgeRun(Run):
    """Batches go out as far as the bridge's credit allows; the rest waits here, for an earlier run's results.

    `send` raises the link's error when the link is lost.
    """

    def __init__(self, number: int, connection: Connection, send: Callable[[Message], None]) -> None:
        self.number = number
        self._connection = connection
        self._send = send
        self._results = OwedResults()
        self._unsent: deque[Batch] = deque()
        self._sent = 0
        self._came = 0
        self._is_open = True
        """Whether more batches may come."""
        self._is_aborted = False
        self._is_end_due = False
        self._is_superseded = False

    @property
    def under_way(self) -> int:
        """Batches submitted whose results were not yet taken."""
        return self._results.owed

    @property
    def is_settled(self) -> bool:
        """Whether the bridge owes it nothing."""
        return self._sent == self._came

    def has_room_for(self, batch: Batch) -> bool:
        """Whether the credit allows it now. Raises ValueError for a batch that never fits the bridge."""
        fits = self._connection.has_room_for(batch)
        return not self.under_way or (fits and not self._unsent)

    def submit(self, batch: Batch) -> None:
        """Send a batch, or keep it until an earlier run's results make room."""
        self._connection.has_room_for(batch)  # ValueError for what will never fit
        if not self._is_open:
            message = "the run is over"
            raise ValueError(message)
        self._results.expect_one()
        if self._is_aborted:
            self._results.skip_last(1)
            return
        self._unsent.append(batch)
        self.send_ready()

    def send_ready(self) -> None:
        """Send what there is room for now. Raises the link's error."""
        while self._unsent and self._connection.has_room_for(self._unsent[0]):
            self._send(BatchRequest(self.number, self._sent, self._unsent[0]))
            self._unsent.popleft()
            self._sent += 1
        if self._is_end_due and not self._unsent:
            self._is_end_due = False
            self._send(EndRun(self.number))

    async def result(self) -> Result:
        """Wait for the oldest result not yet taken."""
        return await self._results.take()

    def put_result(self, result: Result) -> None:
        """The bridge answered the oldest batch."""
        self._came += 1
        self._results.put(result)

    def abort(self) -> None:
        """End the batch in hand, skip the rest, those still here too."""
        if not self._is_superseded:
            self._skip_unsent()
            self._is_aborted = True
            with suppress(LinkError):  # told by `result`
                self._send(Abort(self.number))

    def end(self) -> None:
        """No more batches. Those still here are sent before the bridge is told."""
        if self._is_open:
            self._is_open = False
            self._is_end_due = True
            with suppress(LinkError):  # told by `result`
                self.send_ready()

    def supersede(self) -> None:
        """A later run begins: the bridge skips what it has, and nothing more is sent."""
        self._is_open = False
        self._is_end_due = False
        self._is_superseded = True
        self._skip_unsent()

    def lose(self, error: LinkError) -> None:
        """The link is gone."""
        self._results.lose(error)

    def _skip_unsent(self) -> None:
        self._results.skip_last(len(self._unsent))
        self._unsent.clear()

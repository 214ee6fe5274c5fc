"""The console bytes an edge keeps until its controller has them safe.

Positions count bytes since the edge's start, 64 bits. A full ring forgets its oldest bytes: what comes last
explains a crash best.
"""

from bisect import bisect_right

from stmota_edge.effects import Received
from stmota_protocol.limits import MAX_CONSOLE_DATA
from stmota_protocol.messages import Console, ConsoleGap

DEFAULT_RING_BYTES = 64 * 1024
"""5.7 s of an unbroken stream at 115200 baud, or minutes of a usual log: a Wi-Fi reconnect fits well."""
MARK_EVERY_US = 1000
"""How exactly the ring keeps times: a mark a millisecond at most, so that marks take less than the bytes."""
FRAME_SPAN_US = 20_000
"""Bytes that came within this time go into one frame: 230 of them at 115200 baud."""


class ConsoleRing:
    """A bounded queue of bytes with positions and times."""

    def __init__(self, size_bytes: int = DEFAULT_RING_BYTES) -> None:
        self.size_bytes = size_bytes
        self.oldest = 0
        """Position of the oldest byte that is still here."""
        self.next = 0
        """Position the next byte will have."""
        self._data = bytearray()
        self._mark_positions: list[int] = []
        self._mark_times: list[int] = []

    def append(self, received: Received) -> None:
        """Add what the UART received."""
        at_us, data = received
        if not data:
            return
        if not self._mark_times or at_us >= self._mark_times[-1] + MARK_EVERY_US:
            self._mark_positions.append(self.next)
            self._mark_times.append(at_us)
        self._data += data
        self.next += len(data)
        if len(self._data) > self.size_bytes:
            self._forget_before(self.next - self.size_bytes)

    def acknowledge(self, position: int) -> None:
        """Forget all bytes before `position`: they are safe elsewhere."""
        self._forget_before(min(position, self.next))

    def read(self, position: int, most_bytes: int = MAX_CONSOLE_DATA) -> Console | ConsoleGap | None:
        """What follows at `position`, the lost part first; None when there is nothing yet."""
        if position < self.oldest:
            return ConsoleGap(position, self.oldest - position)
        if position >= self.next:
            return None
        mark = bisect_right(self._mark_positions, position) - 1
        at_us = self._mark_times[mark]
        end = min(self.next, position + most_bytes, self._frame_end(mark, at_us))
        start = position - self.oldest
        return Console(position, at_us, bytes(self._data[start : end - self.oldest]))

    def _frame_end(self, mark: int, at_us: int) -> int:
        """Position of the first byte that came too long after `at_us` for the same frame."""
        later = bisect_right(self._mark_times, at_us + FRAME_SPAN_US, lo=mark)
        return self._mark_positions[later] if later < len(self._mark_positions) else self.next

    def _forget_before(self, position: int) -> None:
        if position <= self.oldest:
            return
        del self._data[: position - self.oldest]
        self.oldest = position
        # The mark at or before the oldest byte is still its time.
        gone = bisect_right(self._mark_positions, position) - 1
        if position == self.next:
            gone = len(self._mark_positions)
        if gone > 0:
            del self._mark_positions[:gone]
            del self._mark_times[:gone]

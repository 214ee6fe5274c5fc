"""Received bytes that no step has consumed yet, with the times they came."""

from collections import deque

from stmota_edge.effects import Received


class Inbox:
    """A queue of received bytes. Bounded by its user: the engine reads only what a step waits for."""

    def __init__(self) -> None:
        self._chunks: deque[Received] = deque()
        self._taken = 0
        """Bytes of the first chunk that are gone."""

    def __bool__(self) -> bool:
        """Whether there is a byte."""
        return bool(self._chunks)

    def put(self, received: Received) -> None:
        """Add what came last."""
        if received.data:
            self._chunks.append(received)

    def take_byte(self, byte_time_us: int) -> tuple[int, int]:
        """Take the oldest byte: when it came, and the byte. Later bytes of a chunk follow back to back."""
        at_us, data = self._chunks[0]
        at_us += self._taken * byte_time_us
        byte = data[self._taken]
        self._forget(1)
        return at_us, byte

    def take(self, most_bytes: int) -> bytes:
        """Take the oldest bytes, as many as there are, `most_bytes` at most."""
        parts: list[bytes] = []
        while self._chunks and most_bytes > 0:
            part = self._chunks[0].data[self._taken : self._taken + most_bytes]
            parts.append(part)
            most_bytes -= len(part)
            self._forget(len(part))
        return b"".join(parts)

    def take_all(self, byte_time_us: int) -> list[Received]:
        """Take everything, as it came."""
        rest = list(self._chunks)
        if rest and self._taken:
            at_us, data = rest[0]
            rest[0] = Received(at_us + self._taken * byte_time_us, data[self._taken :])
        self._chunks.clear()
        self._taken = 0
        return rest

    def _forget(self, count: int) -> None:
        self._taken += count
        if self._taken == len(self._chunks[0].data):
            self._chunks.popleft()
            self._taken = 0

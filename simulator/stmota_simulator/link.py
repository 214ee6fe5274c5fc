"""A simulated network link between two trio streams: delay, jitter, bandwidth, loss and stall.

On the virtual clock it is exact. Order is kept, as TCP keeps it. The two ends are ordinary streams.
"""

import random
from collections import deque
from dataclasses import dataclass, field

import trio

WINDOW_BYTES = 65_536
"""What is under way in one direction at most; more makes `send_all` wait, as full socket buffers do."""


@dataclass(frozen=True, slots=True)
class OneWayConditions:
    """What happens to bytes in one direction. Byte numbers count from 1."""

    delay_s: float = 0.0
    jitter_s: float = 0.0
    """Up to so much is added to the delay of each piece, evenly distributed."""
    bytes_per_s: float | None = None
    lost_at: int | None = None
    """The connection is lost when this byte is sent: what was sent before still arrives."""
    stalls_at: int | None = None
    """From this byte on nothing arrives any more, and nobody is told."""
    window_bytes: int = WINDOW_BYTES


@dataclass(frozen=True, slots=True)
class LinkConditions:
    """Both directions: from the first end to the second and back."""

    there: OneWayConditions = field(default_factory=OneWayConditions)
    back: OneWayConditions = field(default_factory=OneWayConditions)
    seed: int = 0

    @staticmethod
    def of(rtt_ms: float = 0.0, jitter_ms: float = 0.0, bytes_per_s: float | None = None) -> "LinkConditions":
        """The same both ways: half the round trip, and up to `jitter_ms` more, each way."""
        way = OneWayConditions(rtt_ms / 2000, jitter_ms / 1000, bytes_per_s)
        return LinkConditions(way, way)


class OneWay:
    """One direction of a link. It needs no task: whoever receives waits until a piece has arrived."""

    def __init__(self, conditions: OneWayConditions, seed: str) -> None:
        self.conditions = conditions
        self.is_lost = False
        """The connection is lost: what has not arrived yet never does."""
        self.is_ended = False
        """The sender said that nothing more comes."""
        self.is_abandoned = False
        """The receiver is gone."""
        self._random = random.Random(seed)  # noqa: S311 reproducible jitter, no secret
        self._flying: deque[tuple[float, bytes]] = deque()
        self._flying_bytes = 0
        self._sent = 0
        self._arrives_s = 0.0
        self._free_s = 0.0
        self._change = trio.Event()

    def changed(self) -> None:
        """Wake whoever waits for this direction."""
        self._change.set()
        self._change = trio.Event()

    async def send(self, data: bytes) -> bool:
        """Send bytes; False when the connection is lost by that, or was before.

        A cancellation while the window is full leaves part of them sent.
        """
        rest = memoryview(data)
        while rest and self.is_open:
            await self.wait_for_room()
            room = self._room
            piece, rest = bytes(rest[:room]), rest[room:]
            if piece:
                self._launch(piece)
        return not (self.is_lost or self.is_abandoned)

    @property
    def is_open(self) -> bool:
        """Whether what is sent can still arrive."""
        return not (self.is_lost or self.is_abandoned or self.is_ended)

    async def wait_for_room(self) -> None:
        """Return when the window is not full, or nothing can be sent any more."""
        while self._room <= 0 and self.is_open:
            await self._change.wait()

    @property
    def _room(self) -> int:
        return self.conditions.window_bytes - self._flying_bytes

    async def receive(self, max_bytes: int) -> bytes | None:
        """Return bytes that have arrived; empty after the end, None when the connection is lost.

        Cancellation loses nothing.
        """
        while True:
            arrived = self._take_arrived(max_bytes)
            if arrived:
                self.changed()
                return arrived
            if self.is_abandoned or (self.is_lost and not self._flying):
                return None
            if self.is_ended and not self._flying:
                return b""
            change = self._change
            with trio.move_on_at(self._flying[0][0] if self._flying else float("inf")):
                await change.wait()

    def lose(self) -> None:
        """The other direction noticed that the connection is lost: what is under way is gone too."""
        self.is_lost = True
        self._flying.clear()
        self.changed()

    def _launch(self, piece: bytes) -> None:
        """Put a piece on its way, as far as the link's faults let it."""
        conditions = self.conditions
        before, self._sent = self._sent, self._sent + len(piece)
        arriving = _before(piece, before, conditions.stalls_at)
        self._flying_bytes += len(piece) - len(arriving)  # what stalls fills the window for ever
        arriving = _before(arriving, before, conditions.lost_at)
        if arriving:
            self._fly(arriving)
        self.is_lost = conditions.lost_at is not None and self._sent >= conditions.lost_at
        self.changed()

    def _fly(self, piece: bytes) -> None:
        conditions = self.conditions
        leaves_s = max(trio.current_time(), self._free_s)
        if conditions.bytes_per_s is not None:
            leaves_s += len(piece) / conditions.bytes_per_s
        self._free_s = leaves_s
        delay_s = conditions.delay_s
        if conditions.jitter_s:
            delay_s += self._random.uniform(0, conditions.jitter_s)
        self._arrives_s = max(self._arrives_s, leaves_s + delay_s)
        self._flying.append((self._arrives_s, piece))
        self._flying_bytes += len(piece)

    def _take_arrived(self, max_bytes: int) -> bytes:
        taken = bytearray()
        now_s = trio.current_time()
        while self._flying and self._flying[0][0] <= now_s and len(taken) < max_bytes:
            arrives_s, piece = self._flying.popleft()
            room = max_bytes - len(taken)
            if len(piece) > room:
                self._flying.appendleft((arrives_s, piece[room:]))
                piece = piece[:room]
            taken += piece
        self._flying_bytes -= len(taken)
        return bytes(taken)


def _before(piece: bytes, sent_before: int, number: int | None) -> bytes:
    """The part of a piece in front of a byte number, counted from 1; None: all of it."""
    return piece if number is None else piece[: max(0, number - 1 - sent_before)]

"""A port for tests: a clock, a UART with its wire times, and a target played by a function."""

from collections import deque
from collections.abc import Callable

import trio

from stmota_edge.errors import PortFailed, PortUnsupported
from stmota_edge.port import AsyncPort
from stmota_protocol.steps import DRIVABLE_LINES, Batch, Expect, Line, LineErrors, Send, UartSettings, Wait

NEVER_US = 1 << 62

ACK = 0x79
ASK = Batch((Send(b"?"), Expect(ACK, 1_000_000)))
"""What a target that `acknowledges` answers."""
FAILING = Batch((Expect(ACK, 1000),))
LONG = Batch((Wait(3_600_000_000),))

Reply = list[tuple[int, bytes]]
"""What comes back and how long after the last stop bit of what it answers."""


def silent(_: bytes) -> Reply:
    return []


def acknowledges(_: bytes) -> Reply:
    return [(10, bytes([ACK]))]


class ScriptedPort(AsyncPort):
    """`target` is called with each write; what it returns arrives that long after the last stop bit."""

    def __init__(
        self,
        target: Callable[[bytes], Reply] = silent,
        lines: Line = DRIVABLE_LINES,
        knows_ahead: bool = False,
        unsupported_baud: int = 0,
    ) -> None:
        self.lines = lines
        self.target = target
        self.log: list[tuple[int, object]] = []
        self.settings = UartSettings()
        self.levels = Line.NRST
        self.errors = LineErrors()
        self.is_closed = False
        self._failed = False
        self._knows_ahead = knows_ahead
        self._unsupported_baud = unsupported_baud
        self._start = trio.current_time()
        self._sent_us = 0
        self._coming: deque[tuple[int, bytes]] = deque()
        self._news = trio.Event()

    def now_us(self) -> int:
        return round((trio.current_time() - self._start) * 1e6)

    def arrives(self, after_us: int, data: bytes) -> None:
        """`data`, if there is any, comes that long from now."""
        if not data:
            return
        self._coming.append((self.now_us() + after_us, data))
        self._coming = deque(sorted(self._coming))
        self._ring()

    def fail(self) -> None:
        """The port is unplugged."""
        self._failed = True
        self._ring()

    def sent_by_us(self) -> int | None:
        return self._sent_us if self._knows_ahead else None

    def drop_unsent(self) -> None:
        self.log.append((self.now_us(), "drop unsent"))
        self._sent_us = min(self._sent_us, self.now_us())

    async def write(self, data: bytes) -> None:
        await self._check()
        self.log.append((self.now_us(), data))
        self._sent_us = max(self._sent_us, self.now_us()) + self.settings.wire_time_us(len(data))
        for after_us, reply in self.target(data):
            self.arrives(self._sent_us + after_us - self.now_us(), reply)

    async def drain(self) -> None:
        await self.sleep_until(self._sent_us)

    async def read(self, until_us: int | None) -> tuple[int, bytes]:
        await self._check()
        end_us = NEVER_US if until_us is None else until_us
        while True:
            self._check_failed()
            ready: Reply = []
            while self._coming and self._coming[0][0] <= self.now_us():
                ready.append(self._coming.popleft())
            if ready:
                return ready[0][0], b"".join(data for _, data in ready)
            if self.now_us() >= end_us:
                return end_us, b""
            next_us = min(end_us, self._coming[0][0] if self._coming else NEVER_US)
            self._news = trio.Event()
            with trio.move_on_at(self._start + next_us / 1e6 if next_us < NEVER_US else float("inf")):
                await self._news.wait()

    async def sleep_until(self, until_us: int) -> None:
        await self._check()
        await trio.sleep_until(max(self._start + until_us / 1e6, trio.current_time()))

    async def set_lines(self, mask: Line, levels: Line) -> None:
        await self._check()
        self.log.append((self.now_us(), (mask, levels)))
        self.levels = (self.levels & ~mask) | (levels & mask)

    async def sense(self) -> tuple[Line, Line]:
        await self._check()
        return self.lines | Line.RX, self.levels | Line.RX

    async def configure(self, settings: UartSettings) -> None:
        await self._check()
        if settings.baud == self._unsupported_baud:
            message = "no such baud"
            raise PortUnsupported(message)
        self.log.append((self.now_us(), settings))
        self.settings = settings

    def take_errors(self) -> LineErrors:
        errors, self.errors = self.errors, LineErrors()
        return errors

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()
        self.is_closed = True

    async def _check(self) -> None:
        await trio.lowlevel.checkpoint()
        self._check_failed()

    def _check_failed(self) -> None:
        if self._failed:
            message = "unplugged"
            raise PortFailed(message)

    def _ring(self) -> None:
        self._news.set()

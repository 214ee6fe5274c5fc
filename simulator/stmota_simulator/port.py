"""An edge's port at a virtual board, on trio's clock: virtual or real."""

import trio

from stmota_edge.errors import PortUnsupported
from stmota_edge.port import AsyncPort
from stmota_protocol.steps import Line, LineErrors, Rs485, UartSettings
from stmota_simulator.alarm import make_alarm
from stmota_simulator.board import LINES, VirtualBoard
from stmota_simulator.receiver import NO_ERRORS

SENSED_LINES = LINES | Line.TX | Line.RX


class VirtualPort(AsyncPort):
    """Joins an edge to a board. Its clock begins with the board's at 0, when it is made.

    `turnaround_us` passes between the end of a byte on the wire and its being read: an interrupt, a task's
    wake-up, a USB frame.
    """

    lines = LINES

    def __init__(self, board: VirtualBoard, *, turnaround_us: int = 0) -> None:
        self.board = board
        self._turnaround_us = turnaround_us
        self._origin_s = trio.current_time()
        self._settings = UartSettings()
        self._sent_by_us = 0
        self._errors = NO_ERRORS
        self._alarm = make_alarm()
        board.on_change.append(self._on_change)

    def now_us(self) -> int:
        """Microseconds since the port was made, which is the board's time."""
        return round((trio.current_time() - self._origin_s) * 1_000_000)

    async def write(self, data: bytes) -> None:
        """Put bytes on the wire, behind those written before."""
        await trio.lowlevel.checkpoint()
        self._sent_by_us = self.board.transmit(data, self.now_us(), self._settings)

    async def drain(self) -> None:
        """Return when the last stop bit has left."""
        await self.sleep_until(self._sent_by_us)

    def sent_by_us(self) -> int | None:
        """When the last stop bit leaves: known exactly."""
        return self._sent_by_us

    def drop_unsent(self) -> None:
        """Take back what has not begun; a byte in hand is still sent."""
        self.board.drop_unsent(self.now_us())
        self._sent_by_us = min(self._sent_by_us, self.now_us() + self._settings.wire_time_us(1))

    async def read(self, until_us: int | None) -> tuple[int, bytes]:
        """Return bytes that came back to back, and when the first was complete."""
        await trio.lowlevel.checkpoint_if_cancelled()
        received = self._received(until_us)
        if received is not None:
            await trio.lowlevel.cancel_shielded_checkpoint()
        while received is None:
            await self._wait(until_us)
            received = self._received(until_us)
        return received

    async def sleep_until(self, until_us: int) -> None:
        """Return when `now_us()` has reached `until_us`."""
        await trio.sleep_until(self._origin_s + until_us / 1_000_000)

    async def set_lines(self, mask: Line, levels: Line) -> None:
        """Drive NRST and BOOT0. Raises `PortUnsupported` for others."""
        await trio.lowlevel.checkpoint()
        if mask & ~self.lines:
            message = f"a virtual board has no line {mask & ~self.lines!r}"
            raise PortUnsupported(message)
        self.board.set_lines(mask, levels, self.now_us())

    async def sense(self) -> tuple[Line, Line]:
        """Return NRST, BOOT0, TX and RX, and those of them that are high."""
        await trio.lowlevel.checkpoint()
        return SENSED_LINES, self.board.sense(self.now_us())

    async def configure(self, settings: UartSettings) -> None:
        """Set the UART. Raises `PortUnsupported` for RS-485 and echo on a board without such a line."""
        await trio.lowlevel.checkpoint()
        if self.board.setup.half_duplex is None and (settings.rs485 is not Rs485.OFF or settings.echo):
            message = "this virtual board has no RS-485 transceiver"
            raise PortUnsupported(message)
        self._settings = settings
        self.board.listen(settings, self.now_us())

    def take_errors(self) -> LineErrors:
        """Return the receiver's error counts since the last call."""
        errors, self._errors = self._errors, NO_ERRORS
        return errors

    async def aclose(self) -> None:
        """The lines go to their safe levels: NRST released, BOOT0 low."""
        if self._on_change in self.board.on_change:
            self.board.on_change.remove(self._on_change)
            self.board.set_lines(LINES, Line.NRST, self.now_us())
        await trio.lowlevel.checkpoint()

    def _on_change(self) -> None:
        self._alarm.ring()

    def _received(self, until_us: int | None) -> tuple[int, bytes] | None:
        """What `read` returns, as things are now; None if it has to wait."""
        self._alarm.clear()
        now_us = self.now_us()
        heard = self.board.take_heard(now_us - self._turnaround_us)
        if heard is not None:
            self._errors = _sum(self._errors, heard.errors)
            return heard.first_us, heard.data
        return (now_us, b"") if until_us is not None and now_us >= until_us else None

    async def _wait(self, until_us: int | None) -> None:
        """Sleep until there may be something to read, until a time, or until the board's state changes."""
        next_us = self.board.next_output_us()
        times = [until_us] if until_us is not None else []
        if next_us is not None:
            times.append(next_us + self._turnaround_us)
        deadline_s = self._origin_s + min(times) / 1_000_000 if times else float("inf")
        await self._alarm.wait(deadline_s)


def _sum(one: LineErrors, other: LineErrors) -> LineErrors:
    if not other:
        return one
    return LineErrors(one.parity + other.parity, one.framing + other.framing, one.overrun + other.overrun)

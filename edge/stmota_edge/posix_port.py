"""A serial port of this machine, which trio can wait for: no thread.

Linux itself asserts RTS and DTR for a moment when a port is opened, before any program can say otherwise.
The lines get their safe levels in the next system call, and keep them when the port is closed (HUPCL off).
"""

import errno
import fcntl
import os
import struct
import sys
import termios
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import serial
import trio
import trio.lowlevel

from stmota_edge.direction_line import DirectionLine
from stmota_edge.errors import PortFailed, PortUnsupported
from stmota_edge.port import SAFE_LEVELS, AsyncPort
from stmota_edge.port_trouble import cannot_open, port_failed
from stmota_edge.serial_settings import pyserial_settings
from stmota_edge.transmitter import Transmitter
from stmota_edge.wiring import ModemLine, Wiring
from stmota_protocol.steps import Line, LineErrors, UartSettings

READ_BYTES = 4096
"""A Linux tty's own buffer."""
DRAIN_POLL_S = 0.001
"""Between looks at the kernel's transmit queue, once the reckoned time is over: a frame of USB."""
DRAIN_SLACK_US = 1_000_000
"""How long a queue may take beyond the reckoned time; longer, and the port does not send at all."""
PTY_PREFIXES = ("/dev/pts/", "/dev/ttys")
"""Pseudo-terminals, on Linux and on macOS."""
PTY_FRAME = {"bytesize": 8, "parity": "N"}
"""A pseudo-terminal has no wire and so no parity; Linux refuses to set any, and all bytes pass anyway."""
TIOCGICOUNT = 0x545D
"""Linux's counts of a serial port (asm-generic/ioctls.h)."""
_ICOUNT = struct.Struct("20i")
"""struct serial_icounter_struct (linux/serial.h): cts, dsr, rng, dcd, rx, tx, frame, overrun, parity, brk,
buf_overrun, reserved."""


class PosixPort(AsyncPort):
    """A serial port by its path. Opening it may block for a moment, so do it in a thread."""

    def __init__(self, path: str, wiring: Wiring | None = None) -> None:
        self._wiring = wiring or Wiring()
        self.lines = self._wiring.lines
        self._path = path
        self._settings = UartSettings()
        self._transmitter = Transmitter()
        self._start_ns = time.monotonic_ns()
        self._serial = self._open()
        self._fd = self._serial.fileno()
        self._direction = DirectionLine(self._serial, path, self._wiring)
        self._is_pty = os.ttyname(self._fd).startswith(PTY_PREFIXES)
        self._errors = self._count_errors()

    def _open(self) -> serial.Serial:
        """Open with the lines at their safe levels. Raises `PortFailed`, `PortUnsupported`."""
        # inter_byte_timeout 0 is VMIN 1: an empty read then means that the port is gone.
        port = serial.Serial(timeout=0, inter_byte_timeout=0, exclusive=True)
        port.port = self._path
        levels = self._wiring.modem_levels(self.lines, SAFE_LEVELS)
        port.rts = levels.get(ModemLine.RTS, False)
        port.dtr = levels.get(ModemLine.DTR, False)
        try:
            port.open()
            attributes = termios.tcgetattr(port.fileno())
            attributes[2] &= ~termios.HUPCL
            termios.tcsetattr(port.fileno(), termios.TCSANOW, attributes)
        except (OSError, ValueError, termios.error) as error:
            raise cannot_open(self._path, error) from error
        return port

    def now_us(self) -> int:
        """Microseconds since the port was opened."""
        return (time.monotonic_ns() - self._start_ns) // 1000

    def sent_by_us(self) -> int | None:
        """Reckoned from the bytes' time on the wire."""
        return self._transmitter.sent_by_us(self.now_us())

    def drop_unsent(self) -> None:
        """Empty the kernel's transmit queue."""
        with suppress(OSError, termios.error, serial.SerialException):
            termios.tcflush(self._fd, termios.TCOFLUSH)
        self._transmitter.drop(self.now_us())

    async def write(self, data: bytes) -> None:
        """Hand bytes to the kernel, waiting while its queue is full, or until they left with RTS by hand."""
        await trio.lowlevel.checkpoint()
        if not self._direction.is_by_hand:
            await self._write(data)
            return
        self._direction.hold()
        try:
            await self._write(data)
            await self.drain()
            while not self._direction.is_transmitter_empty():
                await trio.lowlevel.checkpoint()
        finally:
            self._direction.release()

    async def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            try:
                count = os.write(self._fd, rest)
            except BlockingIOError:
                await self._wait(trio.lowlevel.wait_writable, None)
            except OSError as error:
                raise port_failed(self._path, error) from error
            else:
                self._transmitter.add(self.now_us(), count, self._settings)
                rest = rest[count:]

    async def drain(self) -> None:
        """Wait for the reckoned time, then until the kernel's queue is empty."""
        await self.sleep_until(self._transmitter.sent_us)
        give_up_us = self._transmitter.sent_us + DRAIN_SLACK_US
        while self._unsent() and self.now_us() < give_up_us:  # noqa: ASYNC110  (no event tells)
            await trio.sleep(DRAIN_POLL_S)

    async def read(self, until_us: int | None) -> tuple[int, bytes]:
        """Read what the kernel has; else wait until it has something, or the time is over."""
        await trio.lowlevel.checkpoint()
        while True:
            data = self._read_now()
            now_us = self.now_us()
            if data or (until_us is not None and now_us >= until_us):
                return now_us, data
            await self._wait(trio.lowlevel.wait_readable, until_us)

    async def sleep_until(self, until_us: int) -> None:
        """Sleep by the system's monotonic clock."""
        await trio.sleep(max(until_us - self.now_us(), 0) / 1e6)

    async def set_lines(self, mask: Line, levels: Line) -> None:
        """Set the modem lines that are wired to them."""
        await trio.lowlevel.checkpoint()
        self._set_lines(mask, levels)

    async def sense(self) -> tuple[Line, Line]:
        """None: a serial adapter cannot read its outputs back."""
        await trio.lowlevel.checkpoint()
        return Line(0), Line(0)

    async def configure(self, settings: UartSettings) -> None:
        """Set the UART; what was received stays."""
        await trio.lowlevel.checkpoint()
        wanted = pyserial_settings(settings) | (PTY_FRAME if self._is_pty else {})
        before = self._serial.get_settings()
        try:
            self._serial.apply_settings(before | wanted)
        except (ValueError, OSError, termios.error) as error:
            with suppress(ValueError, OSError, termios.error):
                self._serial.apply_settings(before)
            message = f"{self._path} cannot be set to {settings}: {error}"
            raise PortUnsupported(message) from error
        self._direction.configure(settings)
        self._settings = settings

    def take_errors(self) -> LineErrors:
        """The kernel's counts, where it has them; else none."""
        before, self._errors = self._errors, self._count_errors()
        now = self._errors
        return LineErrors(
            now.parity - before.parity, now.framing - before.framing, now.overrun - before.overrun
        )

    async def aclose(self) -> None:
        """Lines to their safe levels; close. What was not sent is dropped, or closing would wait for it."""
        await trio.lowlevel.cancel_shielded_checkpoint()
        if not self._serial.is_open:
            return
        with suppress(PortFailed, PortUnsupported):
            self._set_lines(self.lines, SAFE_LEVELS & self.lines)
        self.drop_unsent()
        trio.lowlevel.notify_closing(self._fd)
        with suppress(OSError):
            self._serial.close()

    def _set_lines(self, mask: Line, levels: Line) -> None:
        try:
            for modem_line, is_asserted in self._wiring.modem_levels(mask, levels).items():
                setattr(self._serial, modem_line.value, is_asserted)
        except OSError as error:
            if error.errno in (errno.ENOTTY, errno.EINVAL):  # a pty
                message = f"{self._path} has no modem lines"
                raise PortUnsupported(message) from error
            raise port_failed(self._path, error) from error

    def _read_now(self) -> bytes:
        try:
            data = os.read(self._fd, READ_BYTES)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise port_failed(self._path, error) from error
        if not data:
            message = f"{self._path}: the adapter is gone; is it plugged in?"
            raise PortFailed(message)
        return data

    async def _wait(self, ready: Callable[[int], Awaitable[None]], until_us: int | None) -> None:
        within_s = float("inf") if until_us is None else max(until_us - self.now_us(), 0) / 1e6
        try:
            with trio.move_on_after(within_s):
                await ready(self._fd)
        except (trio.ClosedResourceError, OSError, ValueError) as error:
            raise port_failed(self._path, error) from error

    def _unsent(self) -> int:
        try:
            return self._serial.out_waiting
        except OSError as error:
            raise port_failed(self._path, error) from error

    def _count_errors(self) -> LineErrors:
        if sys.platform != "linux":
            return LineErrors()
        try:
            counts = _ICOUNT.unpack(fcntl.ioctl(self._fd, TIOCGICOUNT, bytes(_ICOUNT.size)))
        except OSError:
            return LineErrors()
        return LineErrors(parity=counts[8], framing=counts[6], overrun=counts[7] + counts[10])

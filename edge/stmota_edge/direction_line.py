"""RTS as the direction line of an RS-485 transceiver at a serial port of this machine.

Where the kernel's driver can do it (TIOCSRS485), the UART itself turns the line, within a bit time. Else
RTS is set before the bytes and released once the transmitter is empty: as late as this machine's scheduler
is, which may meet the chip's answer. Asserted RTS is the line's `DRIVE_HIGH`, as the kernel calls it.
"""

import fcntl
import struct
import sys
import termios
from contextlib import suppress

import serial

from stmota_edge.errors import PortUnsupported
from stmota_edge.wiring import ModemLine, Wiring
from stmota_protocol.steps import Rs485, UartSettings

TIOCSRS485 = 0x542F  # asm-generic/ioctls.h
TIOCSERGETLSR = 0x5459  # asm-generic/ioctls.h
TIOCSER_TEMT = 0x01  # linux/serial.h: the transmitter is empty, its shift register included
_ENABLED, _RTS_ON_SEND, _RTS_AFTER_SEND, _RX_DURING_TX = 0x01, 0x02, 0x04, 0x10  # linux/serial.h
_SERIAL_RS485 = struct.Struct("8I")
"""struct serial_rs485 (linux/serial.h): flags, delay before and after sending in ms, reserved."""


class DirectionLine:
    """What a port does with RTS while it sends."""

    def __init__(self, port: serial.Serial, path: str, wiring: Wiring) -> None:
        self._port = port
        self._path = path
        self._is_taken = any(
            wire is not None and wire.modem_line is ModemLine.RTS for wire in (wiring.reset, wiring.boot0)
        )
        self._mode = Rs485.OFF
        self._is_kernels = False

    @property
    def is_by_hand(self) -> bool:
        """Whether `hold` and `release` have to be called around each sending."""
        return self._mode is not Rs485.OFF and not self._is_kernels

    def configure(self, settings: UartSettings) -> None:
        """Set it as the settings have it. Raises `PortUnsupported`."""
        if settings.rs485 is Rs485.OFF and self._mode is Rs485.OFF:
            return
        if settings.rs485 is not Rs485.OFF and self._is_taken:
            message = f"{self._path}: RTS drives reset or boot0, and cannot be the RS-485 direction line, too"
            raise PortUnsupported(message)
        self._is_kernels = self._tell_kernel(settings)
        self._mode = settings.rs485
        if self.is_by_hand:
            self.release()

    def hold(self) -> None:
        """Turn the transceiver to sending. Raises `PortUnsupported`."""
        self._set_rts(asserted=self._mode is Rs485.DRIVE_HIGH)

    def release(self) -> None:
        """Turn it to receiving. Raises `PortUnsupported`."""
        self._set_rts(asserted=self._mode is Rs485.DRIVE_LOW)

    def is_transmitter_empty(self) -> bool:
        """Whether the last stop bit has left; True where the driver does not tell."""
        with suppress(OSError):
            answer = fcntl.ioctl(self._port.fileno(), TIOCSERGETLSR, bytes(4))
            return bool(int.from_bytes(answer, sys.byteorder) & TIOCSER_TEMT)
        return True

    def _tell_kernel(self, settings: UartSettings) -> bool:
        if sys.platform != "linux":
            return False
        flags = 0
        if settings.rs485 is not Rs485.OFF:
            flags = _ENABLED | (_RTS_ON_SEND if settings.rs485 is Rs485.DRIVE_HIGH else _RTS_AFTER_SEND)
            flags |= _RX_DURING_TX if settings.echo else 0
        try:
            fcntl.ioctl(self._port.fileno(), TIOCSRS485, _SERIAL_RS485.pack(flags, *[0] * 7))
        except OSError:
            return False
        return True

    def _set_rts(self, *, asserted: bool) -> None:
        try:
            self._port.rts = asserted
        except (OSError, termios.error) as error:
            message = f"{self._path} has no RTS that could be the RS-485 direction line: {error}"
            raise PortUnsupported(message) from error

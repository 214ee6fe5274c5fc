"""What the edge drives: one UART with its lines, behind one interface.

`AsyncPort` is implemented by a POSIX serial port (a file descriptor that trio can wait for) and by the
simulator's virtual UART. URL ports of pyserial block, and are driven from a thread (`threaded_port.py`).
"""

from abc import ABC, abstractmethod

from stmota_protocol.steps import Line, LineErrors, UartSettings

SAFE_LEVELS = Line.NRST
"""NRST released, everything else low: the target runs its own application."""


class AsyncPort(ABC):
    """A UART and its lines, used by one task at a time.

    Any method may raise `PortFailed`. Cancellation of `read` loses no byte; a cancelled `write` or
    `drain` may have sent some of it.
    """

    lines: Line
    """Lines that can be driven."""

    @abstractmethod
    def now_us(self) -> int:
        """Microseconds since this port was made; monotonic."""

    @abstractmethod
    async def write(self, data: bytes) -> None:
        """Hand bytes to the transmitter; returns when it accepted them, maybe before they are sent."""

    @abstractmethod
    async def drain(self) -> None:
        """Return when the last stop bit has left, as exactly as the port can tell."""

    def sent_by_us(self) -> int | None:
        """When the last stop bit of what was written leaves; None when only `drain` can tell.

        Where it is known ahead, steps that only read begin at once, without a wait for the transmitter.
        """
        return None

    def drop_unsent(self) -> None:  # noqa: B027  (a port without a transmit queue has nothing to drop)
        """Forget what was written and has not left yet: a batch was aborted. Never raises."""

    @abstractmethod
    async def read(self, until_us: int | None) -> tuple[int, bytes]:
        """Return what has been received, at least one byte, and when its first byte came.

        Waits until `until_us` by `now_us()` (None: for ever), then returns empty bytes. A time in the
        past polls once.
        """

    @abstractmethod
    async def sleep_until(self, until_us: int) -> None:
        """Return when `now_us()` has reached `until_us`."""

    @abstractmethod
    async def set_lines(self, mask: Line, levels: Line) -> None:
        """Drive the lines in `mask` to `levels` (electrical, at the target's pins)."""

    @abstractmethod
    async def sense(self) -> tuple[Line, Line]:
        """Return the lines that can be read back, and those of them that are high."""

    @abstractmethod
    async def configure(self, settings: UartSettings) -> None:
        """Set the UART; the caller has drained it. Raises `PortUnsupported` for a setting it lacks."""

    @abstractmethod
    def take_errors(self) -> LineErrors:
        """Return the receiver's error counts since the last call."""

    @abstractmethod
    async def aclose(self) -> None:
        """Release the port; lines go to their safe levels first."""

"""One direction of a UART: bytes that take their time on the wire.

Times are whole microseconds of the simulation. Bytes that follow back to back form a `Burst`, so that
nothing is computed for each byte while sender and receiver agree.
"""

from collections import deque
from dataclasses import dataclass, replace

from stmota_protocol.steps import UartSettings


@dataclass(frozen=True, slots=True)
class Burst:
    """Bytes that leave a transmitter back to back."""

    start_us: int
    """When the first start bit begins."""
    data: bytes
    settings: UartSettings
    has_wrong_parity: bool = False
    """One bit of each byte was flipped on the way: its parity bit belongs to what was sent."""

    is_garbled: bool = False
    """Another transmitter drove the line at the same time."""

    def garbled(self) -> "Burst":
        """What is left of it when another transmitter drives the line, too."""
        data = bytes(byte ^ 0xA5 for byte in self.data)
        return replace(self, data=data, has_wrong_parity=True, is_garbled=True)

    def end_us(self, count: int | None = None) -> int:
        """When the last stop bit of the first `count` bytes (None: all) ends; 0 bytes: the start."""
        return self.start_us + self.settings.wire_time_us(len(self.data) if count is None else count)

    def complete_by(self, at_us: int) -> int:
        """How many bytes have ended by a time."""
        elapsed_us = at_us - self.start_us
        if elapsed_us <= 0:
            return 0
        return min(
            elapsed_us * self.settings.baud // (self.settings.bits_per_byte * 1_000_000), len(self.data)
        )

    def begun_by(self, at_us: int) -> int:
        """How many bytes have begun before a time."""
        complete = self.complete_by(at_us)
        return complete if complete == len(self.data) or self.end_us(complete) >= at_us else complete + 1


class Wire:
    """What is on its way, oldest first. A receiver removes what it has passed."""

    def __init__(self, *, carries_parity: bool = True) -> None:
        self.bursts: deque[Burst] = deque()
        self.end_us = 0
        """When the last stop bit sent so far ends."""
        self.carries_parity = carries_parity
        """False on a pty, which knows no parity: then settings that differ only there agree."""

    def send(
        self, data: bytes, at_us: int, settings: UartSettings, *, has_wrong_parity: bool = False
    ) -> None:
        """Put bytes on the wire: at a time, or back to back behind what is on it already."""
        if not data:
            return
        burst = Burst(max(at_us, self.end_us), data, settings, has_wrong_parity)
        self.bursts.append(burst)
        self.end_us = burst.end_us()

    def pause(self, count: int, at_us: int, settings: UartSettings) -> None:
        """Leave the wire idle for as long as so many bytes take."""
        self.end_us = max(at_us, self.end_us) + settings.wire_time_us(count)

    def cut(self, at_us: int) -> None:
        """Take back the bytes that have not begun by a time; the one in hand is still sent."""
        kept: deque[Burst] = deque()
        for burst in self.bursts:
            begun = burst.begun_by(at_us)
            if begun:
                kept.append(replace(burst, data=burst.data[:begun]))
        self.bursts = kept
        self.end_us = min(self.end_us, max(at_us, kept[-1].end_us() if kept else at_us))

    def garble(self, from_us: int) -> None:
        """Somebody else drives the line from a time on: spoil the bursts that end later."""
        self.bursts = deque(
            burst if burst.is_garbled or burst.end_us() <= from_us else burst.garbled()
            for burst in self.bursts
        )

    def forget(self, at_us: int) -> None:
        """Drop what has ended by a time: nobody listens."""
        while self.bursts and self.bursts[0].end_us() <= at_us:
            self.bursts.popleft()

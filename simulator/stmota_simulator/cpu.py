"""Runs a program of the chip: what the core does with its UART, as a generator of effects.

A program is sequential: while it works or sends it does not read, and the receiver's one data register
holds the first byte that comes meanwhile; the next ones are lost (overrun).
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TypeAlias

from stmota_protocol.steps import Parity, UartSettings
from stmota_simulator.autobaud import measure
from stmota_simulator.receiver import Heard, Receiver
from stmota_simulator.wire import Wire

ALL = 1 << 30
"""More bytes than are ever on a wire."""


@dataclass(frozen=True, slots=True)
class Work:
    """Do something for a time, deaf. `conclude` is called with the share that was done: 1.0 at the end."""

    time_us: int
    conclude: Callable[[float], None] | None = None


@dataclass(frozen=True, slots=True)
class WorkUntil:
    """Do nothing until a time."""

    at_us: int


@dataclass(frozen=True, slots=True)
class Listen:
    """Read so many bytes; they are the answer."""

    count: int


@dataclass(frozen=True, slots=True)
class Send:
    """Send bytes, and wait until the last one has left."""

    data: bytes


@dataclass(frozen=True, slots=True)
class MeasureBaud:
    """Set the UART to 8 data bits and a parity, at the baud of the first 0x7F (or whatever comes)."""

    parity: Parity
    fastest_baud: int


@dataclass(frozen=True, slots=True)
class Configure:
    """Set the UART."""

    settings: UartSettings


@dataclass(frozen=True, slots=True)
class Jump:
    """The program's end: go on with the vector table at an address, without a reset."""

    address: int


@dataclass(frozen=True, slots=True)
class SystemReset:
    """The program's end: reset the chip, all but its power."""

    reloads_options: bool


Effect: TypeAlias = Work | WorkUntil | Listen | Send | MeasureBaud | Configure
Ending: TypeAlias = Jump | SystemReset
Program: TypeAlias = Generator[Effect, bytes, Ending]


@dataclass(slots=True)
class UartCounters:
    """What a chip's receiver complained about."""

    overruns: int = 0
    parity_errors: int = 0
    framing_errors: int = 0


SendBytes: TypeAlias = Callable[[bytes, int, UartSettings], int]
"""Put bytes on the wire to the host at a time; returns when the last stop bit ends."""

LEAST_OUTPUT_US = 100
"""Output that follows an event takes a byte time at least; but no more is relied upon than this."""


class Cpu:
    """One program between two resets."""

    def __init__(
        self,
        program: Program,
        start_us: int,
        incoming: Wire,
        send: SendBytes,
        counters: UartCounters,
        reaction_us: int = 0,
    ) -> None:
        self.now_us = start_us
        self.settings: UartSettings | None = None
        """None until the program has set its UART."""
        self._program = program
        self._incoming = incoming
        self._send = send
        self._counters = counters
        self._reaction_us = reaction_us
        self._receiver: Receiver | None = None
        self._register: int | None = None
        """The receiver's data register."""
        self._got = bytearray()
        self._ends_us: int | None = None
        """When the effect in hand ends; None while that depends on what comes."""
        self._effect: Effect = next(program)
        self._begin()

    def run_until(self, to_us: int) -> Ending | None:
        """Run up to a time; returns how the program ended, with `now_us` telling when, if it did."""
        while True:
            done_us = self._done_us(to_us)
            if done_us is None or done_us > to_us:
                if not isinstance(self._effect, Listen):
                    self._hold(to_us)
                return None
            self.now_us = done_us
            if isinstance(self._effect, Work) and self._effect.conclude is not None:
                self._effect.conclude(1.0)
            try:
                self._effect = self._program.send(bytes(self._got))
            except StopIteration as stop:
                ending: Ending = stop.value
                return ending
            self._begin()

    def stop(self, at_us: int) -> None:
        """A reset or a power failure ends the program; work in hand stays half done."""
        if isinstance(self._effect, Work) and self._effect.conclude is not None:
            share = (at_us - self.now_us) / max(self._effect.time_us, 1)
            self._effect.conclude(min(max(share, 0.0), 1.0))
        self._program.close()

    def next_event_us(self) -> int | None:
        """When the program goes on, by what is known now; None if nothing makes it."""
        if self._ends_us is not None:
            return self._ends_us
        if isinstance(self._effect, MeasureBaud):
            measured = measure(self._incoming, self.now_us, self._effect.fastest_baud)
            return None if measured is None else measured.end_us
        if isinstance(self._effect, Listen) and self._receiver is not None:
            due_us = self._receiver.due_us(self._effect.count - len(self._got))
            return None if due_us is None else due_us + self._reaction_us
        return None

    def next_output_us(self) -> int | None:
        """A time not later than the end of the next byte that this program may send."""
        event_us = self.next_event_us()
        if event_us is None or self.settings is None:
            return event_us
        return event_us + min(self.settings.wire_time_us(1), LEAST_OUTPUT_US)

    def _begin(self) -> None:
        """Begin the effect in hand at `now_us`."""
        self._got.clear()
        self._ends_us = self.now_us
        match self._effect:
            case Work():
                self._ends_us += self._effect.time_us
            case WorkUntil():
                self._ends_us = max(self._effect.at_us, self.now_us)
            case Send():
                self._ends_us = self._send(self._effect.data, self.now_us, self._uart())
            case Configure():
                self._set_uart(self._effect.settings, self.now_us)
            case Listen():
                self._hold(self.now_us)
                if self._register is not None:
                    self._got.append(self._register)
                    self._register = None
                self._ends_us = None
            case MeasureBaud():
                self._ends_us = None

    def _done_us(self, to_us: int) -> int | None:
        """When the effect in hand is done; None if it is not by `to_us`."""
        if isinstance(self._effect, Listen):
            return self._listen(self._effect.count, to_us)
        if isinstance(self._effect, MeasureBaud):
            return self._measure(self._effect, to_us)
        return self._ends_us

    def _listen(self, count: int, to_us: int) -> int | None:
        if self._receiver is None:
            return None
        last_us = self.now_us
        while self._ends_us is None and len(self._got) < count:
            heard = self._receiver.hear(to_us, count - len(self._got))
            if heard is None:
                return None
            self._count_errors(heard)
            self._got += heard.data
            last_us = heard.last_us
        if self._ends_us is None:
            self._ends_us = last_us + self._reaction_us
        return self._ends_us

    def _measure(self, effect: MeasureBaud, to_us: int) -> int | None:
        measured = measure(self._incoming, self.now_us, effect.fastest_baud)
        if measured is None or measured.end_us > to_us:
            return None
        self._set_uart(UartSettings(measured.baud, parity=effect.parity), measured.end_us)
        return measured.end_us

    def _set_uart(self, settings: UartSettings, at_us: int) -> None:
        self.settings = settings
        self._receiver = Receiver(self._incoming, settings, at_us)
        self._register = None

    def _uart(self) -> UartSettings:
        if self.settings is None:
            message = "the program sends before it has set its UART"
            raise RuntimeError(message)
        return self.settings

    def _hold(self, until_us: int) -> None:
        """Receive with nobody reading: the data register holds one byte, the next ones are lost."""
        if self._receiver is None:
            return
        while (heard := self._receiver.hear(until_us, ALL)) is not None:
            self._count_errors(heard)
            lost = len(heard.data)
            if self._register is None:
                self._register = heard.data[0]
                lost -= 1
            self._counters.overruns += lost

    def _count_errors(self, heard: Heard) -> None:
        self._counters.parity_errors += heard.errors.parity
        self._counters.framing_errors += heard.errors.framing

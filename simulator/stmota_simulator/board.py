"""A board: a chip, its UART's two wires, its lines and its supply.

Timed and free of clocks: every call says when it happens, in whole microseconds and never earlier than the
last one, and what the board does in between is computed then. The same calls give the same bytes.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from stmota_protocol.steps import Line, Parity, UartSettings
from stmota_simulator.chip import Boot, Chip, State
from stmota_simulator.chip_model import ChipModel, RomModel
from stmota_simulator.cpu import ALL, UartCounters
from stmota_simulator.faults import ByteFaultKind, ByteFaults, Direction, Faults
from stmota_simulator.flash import Flash, FlashCounters
from stmota_simulator.half_duplex import HalfDuplex, HalfDuplexLine
from stmota_simulator.memory import Memory
from stmota_simulator.options import OptionBytes
from stmota_simulator.receiver import Heard, Receiver
from stmota_simulator.sampling import line_level
from stmota_simulator.wire import Wire

LINES = Line.NRST | Line.BOOT0
HOST_FIFO_BYTES = 120
"""In the middle of a run a host waits for so many bytes or its end: the default of ESP-IDF's UART driver."""


@dataclass(frozen=True, slots=True)
class BoardSetup:
    """What a board is made of, beside its chip. `BoardOptions` in `boards` has the same names."""

    image: bytes = b""
    """What is in the flash, from its start."""
    serial: str = ""
    """The chip's unique id is made of this."""
    bootloader_version: str | None = None
    """As AN2606 writes it, `9.1`; None: the chip's usual one."""
    rdp: int = 0
    """Read protection level."""
    option_bits: Mapping[str, int] = field(default_factory=dict[str, int])
    """Option bits that differ from the factory's, by the reference manual's names: `nBOOT_SEL`."""
    write_protected: frozenset[int] = frozenset()
    """Groups of flash as WRITE PROTECT numbers them."""
    boot0: bool = False
    """Level of BOOT0 when the supply comes."""
    faults: Faults = field(default_factory=Faults)
    flash_bytes: int | None = None
    """Flash that is really there, where it is more than the chip says (F103x8 that holds 128 KiB)."""
    is_slow: bool = False
    """Flash operations take the data sheet's maximum instead of its typical time."""
    heartbeat_ms: int | None = None
    """Between the application's lines, whatever its boot text says; 0: none."""
    has_crystal: bool = True
    """Without, the ROM's start-up takes longer on some families."""
    carries_parity: bool = True
    """False behind a pty, which knows no parity."""
    half_duplex: HalfDuplex | None = None
    """The UART is joined to the host's by an RS-485 line."""
    has_checksum: bool = False
    """Whether its ROM has GET CHECKSUM: which real ones list it, no table says."""


class VirtualBoard:
    """A board with nobody's clock. It has no supply until `power_on`. Made by `boards.make_board`."""

    def __init__(
        self, model: ChipModel, rom: RomModel, flash: Flash, options: OptionBytes, setup: BoardSetup
    ) -> None:
        self.model = model
        self.setup = setup
        self.options = options
        self.memory = Memory(model, rom, flash, options, setup.serial)
        self.on_change: list[Callable[[], None]] = []
        """Called when something other than the passing of time may have changed what is to come."""
        self._to_chip = Wire(carries_parity=setup.carries_parity)
        self._to_host = Wire(carries_parity=setup.carries_parity)
        self._faults_to_chip = ByteFaults(setup.faults, Direction.TO_CHIP)
        self._faults_to_host = ByteFaults(setup.faults, Direction.TO_HOST)
        line = setup.half_duplex
        self._line = None if line is None else HalfDuplexLine(line, self._to_chip, self._to_host)
        self.chip = Chip(model, rom, self.memory, self._to_chip, self._send_to_host)
        self.chip.has_crystal = setup.has_crystal
        self.chip.heartbeat_ms = setup.heartbeat_ms
        self._now_us = 0
        self._sent_by_us = 0
        self._levels = Line.NRST
        self._receiver = Receiver(self._to_host, UartSettings(), 0)
        self._heard: deque[Heard] = deque()

    @property
    def now_us(self) -> int:
        """The last time that was told."""
        return self._now_us

    @property
    def state(self) -> State:
        """What the chip was doing at the last time that was told."""
        return self.chip.state

    @property
    def flash(self) -> bytes:
        """The flash's content."""
        return bytes(self.memory.flash.data)

    @property
    def boots(self) -> list[Boot]:
        """Every start of what is in the flash, oldest first."""
        return self.chip.boots

    @property
    def counters(self) -> FlashCounters:
        """What was done to the flash."""
        return self.memory.flash.counters

    @property
    def uart(self) -> UartCounters:
        """What the ROM's receiver complained about."""
        return self.chip.uart

    def advance(self, to_us: int) -> None:
        """Let time pass."""
        self._now_us = max(self._now_us, to_us)
        self.chip.run_until(self._now_us)

    def power_on(self, at_us: int) -> None:
        """Switch the supply on."""
        self.advance(at_us)
        self._drive(at_us)
        self.chip.power(on=not self.setup.faults.is_unpowered, at_us=at_us)
        self._changed()

    def power_off(self, at_us: int) -> None:
        """Switch the supply off; RAM is lost, and a byte being sent ends early."""
        self.advance(at_us)
        self.chip.power(on=False, at_us=at_us)
        self._to_host.cut(at_us)
        self._changed()

    def power_cycle(self, at_us: int) -> None:
        """Switch the supply off and on."""
        self.power_off(at_us)
        self.power_on(at_us)

    def set_lines(self, mask: Line, levels: Line, at_us: int) -> None:
        """Drive lines; those that the board lacks are ignored."""
        self.advance(at_us)
        self._levels = (self._levels & ~mask) | (levels & mask)
        self._drive(at_us)
        self._changed()

    def _drive(self, at_us: int) -> None:
        """Bring the host's levels to the chip's pins, as far as they are wired."""
        faults = self.setup.faults
        if faults.boot0_high or not faults.boot0_unwired:
            self.chip.set_boot0(level=faults.boot0_high or bool(self._levels & Line.BOOT0))
        if faults.nrst_low or not faults.nrst_unwired:
            is_released = bool(self._levels & Line.NRST) and not faults.nrst_low
            self.chip.set_nrst(level=is_released, at_us=at_us)
            if not is_released:
                self._to_host.cut(at_us)

    def sense(self, at_us: int) -> Line:
        """The lines that are high, the UART's two among them."""
        self.advance(at_us)
        faults = self.setup.faults
        is_off = self.chip.state is State.OFF
        levels = self._levels
        if line_level(self._to_chip.bursts, at_us):
            levels |= Line.TX
        is_pulled_up = faults.rx_unwired or not is_off  # a chip without supply clamps the wire
        if not faults.rx_low and is_pulled_up and line_level(self._to_host.bursts, at_us):
            levels |= Line.RX
        if not faults.nrst_unwired and (is_off or faults.nrst_low):
            levels &= ~Line.NRST  # pulled up by the chip's own supply
        return levels

    def transmit(self, data: bytes, at_us: int, settings: UartSettings) -> int:
        """The host sends bytes, behind those it sent before; returns when the last stop bit ends."""
        self.advance(at_us)
        faults = self.setup.faults
        settings = self._as_set(settings)
        self._sent_by_us = max(at_us, self._sent_by_us) + settings.wire_time_us(len(data))
        if faults.returns_host:
            self._to_host.send(data, at_us, settings)
        is_carried = self._line is None or self._line.host_sends(len(data), at_us, settings)
        if is_carried and not faults.hides_host:
            self._put(self._to_chip, self._faults_to_chip, data, at_us, settings)
        if self._line is not None and is_carried:
            self._line.host_sent(data, at_us, settings)
        self._changed()
        return self._sent_by_us

    def drop_unsent(self, at_us: int) -> None:
        """The host takes back what it has not begun to send."""
        self.advance(at_us)
        if self._line is not None and at_us < self._to_chip.end_us:
            self._to_host.cut(at_us)  # its echo, too
        self._to_chip.cut(at_us)
        self._sent_by_us = max(at_us, self._to_chip.end_us)

    def listen(self, settings: UartSettings, at_us: int) -> None:
        """Set the host's receiver; what it received before stays to be taken.

        One that is set so already goes on, in the middle of a byte, too; another begins anew.
        """
        self._receive(at_us)
        settings_in_fact = self._as_set(settings)
        if settings_in_fact != self._receiver.settings:
            self._receiver = Receiver(self._to_host, settings_in_fact, at_us)
        if self._line is not None:
            self._line.settings = settings

    def received(self, to_us: int) -> list[Heard]:
        """Return what the host received since the last call, up to a time."""
        self._receive(to_us)
        heard = list(self._heard)
        self._heard.clear()
        return heard

    def take_heard(self, to_us: int) -> Heard | None:
        """Take the oldest bytes that came back to back, received by a time; None if there are none."""
        self._receive(to_us)
        return self._heard.popleft() if self._heard else None

    def next_output_us(self) -> int | None:
        """When to look next: not later than when something is readable; None if nothing is to come.

        Bytes that follow back to back count as one, up to `HOST_FIFO_BYTES`.
        """
        if self._heard:
            return self._now_us
        times = (self._receiver.run_due_us(HOST_FIFO_BYTES), self.chip.next_output_us())
        return min((at_us for at_us in times if at_us is not None), default=None)

    def _as_set(self, settings: UartSettings) -> UartSettings:
        """The host's UART as it really is set."""
        return replace(settings, parity=Parity.NONE) if self.setup.faults.parity_lost else settings

    def _changed(self) -> None:
        for call in self.on_change:
            call()

    def _receive(self, to_us: int) -> None:
        self.advance(to_us)
        while (heard := self._receiver.hear(to_us, ALL)) is not None:
            self._heard.append(heard)

    def _send_to_host(self, data: bytes, at_us: int, settings: UartSettings) -> int:
        if self.setup.faults.hides_chip:
            self._to_host.pause(len(data), at_us, settings)
            return self._to_host.end_us
        is_alone = self._line is None or self._line.chip_sends(at_us)
        self._put(self._to_host, self._faults_to_host, data, at_us, settings)
        if not is_alone:
            self._to_host.garble(at_us)
        if self._line is not None:
            self._line.chip_sent()
        return self._to_host.end_us

    @staticmethod
    def _put(wire: Wire, faults: ByteFaults, data: bytes, at_us: int, settings: UartSettings) -> None:
        for piece in faults.apply(data):
            if piece.fate is ByteFaultKind.DROP:
                wire.pause(len(piece.data), at_us, settings)
            else:
                is_corrupt = piece.fate is ByteFaultKind.CORRUPT
                wire.send(piece.data, at_us, settings, has_wrong_parity=is_corrupt)

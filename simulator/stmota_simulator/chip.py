"""A simulated chip: power, reset, what it boots, and the core that runs it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, unique

from stmota_simulator.application import application, find_boot_text
from stmota_simulator.boot import BootSource, boot_source
from stmota_simulator.chip_model import ChipModel, OptionLoading, Quirk, RomModel
from stmota_simulator.cpu import Cpu, Jump, SendBytes, SystemReset, UartCounters
from stmota_simulator.memory import Memory
from stmota_simulator.rom import REACTION_US, Rom
from stmota_simulator.wire import Wire


@unique
class State(Enum):
    """What a chip is doing."""

    OFF = "off"
    RESET = "in reset"
    BOOTLOADER = "bootloader"
    APPLICATION = "application"
    DEAD = "dead"
    """Hard fault at once: no valid stack or entry point. Silent until the next reset."""


@dataclass(frozen=True, slots=True)
class Boot:
    """One start of what is in the flash."""

    at_us: int
    address: int
    flash_crc32: int
    by_go: bool
    """By the ROM's GO, not by a reset."""
    state: State
    """APPLICATION, or DEAD when the core could not start it."""
    text: str
    """Its boot text; empty if it has none."""


class Chip:
    """One chip between the wire from the host and a way to send to it."""

    def __init__(
        self, model: ChipModel, rom: RomModel, memory: Memory, incoming: Wire, send: SendBytes
    ) -> None:
        self.model = model
        self.rom = rom
        self.memory = memory
        self.state = State.OFF
        self.boots: list[Boot] = []
        self.on_boot: list[Callable[[Boot], None]] = []
        """Called with each start of what is in the flash; may not call the chip or its board."""
        self.resets = 0
        """Resets and power-ons that let the core start."""
        self.uart = UartCounters()
        """Of the ROM's receiver, since the simulation began."""
        self.has_crystal = True
        self.heartbeat_ms: int | None = None
        self.empty_flag = True
        """What the empty check found when it last looked."""
        self._incoming = incoming
        self._send = send
        self._cpu: Cpu | None = None
        self._nrst = True
        self._boot0 = False
        self._hangs = False

    def run_until(self, to_us: int) -> None:
        """Let the core run up to a time."""
        while self._cpu is not None:
            ending = self._cpu.run_until(to_us)
            if ending is None:
                return
            at_us = self._cpu.now_us
            if isinstance(ending, Jump):
                self._start_application(ending.address, at_us, by_go=True)
            else:
                self._reset_by_rom(ending, at_us)
        self._incoming.forget(to_us)

    def next_output_us(self) -> int | None:
        """A time not later than the end of the next byte that the chip may send."""
        return None if self._cpu is None else self._cpu.next_output_us()

    def power(self, *, on: bool, at_us: int) -> None:
        """Switch the supply."""
        if on == (self.state is not State.OFF):
            return
        self._stop(at_us)
        self.state = State.RESET if on else State.OFF
        self.memory.clear_ram()
        if on:
            self._load_options()
            self._hangs = False
            self._release(at_us)

    def set_nrst(self, *, level: bool, at_us: int) -> None:
        """Drive NRST; low holds the chip in reset."""
        if level == self._nrst:
            return
        self._nrst = level
        if self.state is State.OFF:
            return
        if level:
            self._hangs |= Quirk.HANGS_WHEN_EMPTY in self.rom.quirks and self.memory.flash.is_empty()
            self._release(at_us)
        else:
            self._stop(at_us)
            self.state = State.RESET

    def set_boot0(self, *, level: bool) -> None:
        """Drive BOOT0; it counts at the next release of NRST."""
        self._boot0 = level

    def _now_us(self) -> int:
        return 0 if self._cpu is None else self._cpu.now_us

    def _stop(self, at_us: int) -> None:
        if self._cpu is not None:
            self._cpu.stop(at_us)
            self._cpu = None

    def _load_options(self) -> None:
        """Load the option bytes; the empty check looks at the flash then, and only then."""
        self.memory.options.load()
        self.empty_flag = self.memory.flash.is_empty()

    def _release(self, at_us: int) -> None:
        """NRST rises, or the supply comes: the core starts, unless NRST is held."""
        if not self._nrst:
            return
        self.resets += 1
        if self.model.options.loading is OptionLoading.AT_RESET:
            self.memory.options.load()
        if self._hangs:
            self.state = State.DEAD
        else:
            self._start(at_us)

    def _reset_by_rom(self, reset: SystemReset, at_us: int) -> None:
        self.resets += 1
        if reset.reloads_options:
            self._load_options()
        self._start(at_us)

    def _start(self, at_us: int) -> None:
        memory = self.memory
        memory.flash.width_bytes = 1
        if self.model.flash.layouts_by_option:
            memory.flash.arrange(memory.options.layout())
        memory.flash.protected = memory.options.protected_units(memory.flash.layout)
        source = boot_source(self.model, memory.options, boot0=self._boot0, is_empty=self.empty_flag)
        if source is BootSource.SYSTEM_MEMORY:
            self._start_rom(at_us)
        elif source is BootSource.FLASH:
            self._start_application(self.model.flash.start, at_us, by_go=False)
        else:
            self.state = State.DEAD
            self._cpu = None

    def _start_rom(self, at_us: int) -> None:
        self.state = State.BOOTLOADER
        if Quirk.CLEARS_EMPTY_FLAG in self.rom.quirks:
            self.empty_flag = False
        start_up_us = self.rom.start_up_us if self.has_crystal else self.rom.start_up_without_crystal_us
        program = Rom(self.model, self.rom, self.memory, self._now_us).program(start_up_us)
        self._cpu = Cpu(program, at_us, self._incoming, self._send, self.uart, REACTION_US)

    def _start_application(self, address: int, at_us: int, *, by_go: bool) -> None:
        """Start as the core would: stack and entry point from the vector table, or a hard fault."""
        memory = self.memory
        stack, entry = memory.word(address), memory.word(address + 4)
        code = (entry or 0) & ~1
        is_code = memory.is_flash(code) or memory.is_ram(code)
        is_sound = stack is not None and memory.is_stack_top(stack) and bool((entry or 0) & 1) and is_code
        self.state = State.APPLICATION if is_sound else State.DEAD
        crc = memory.flash.crc32()
        offset = address - self.model.flash.start
        boot_text = find_boot_text(memory.flash.data, offset) if memory.is_flash(address) else None
        if boot_text is not None and self.heartbeat_ms is not None:
            boot_text = replace(boot_text, heartbeat_ms=self.heartbeat_ms)
        text = boot_text.text.decode(errors="replace") if boot_text else ""
        boot = Boot(at_us, address, crc, by_go, self.state, text)
        self.boots.append(boot)
        for call in self.on_boot:
            call(boot)
        self._cpu = None
        if is_sound:
            program = application(boot_text, crc, at_us)
            self._cpu = Cpu(program, at_us, self._incoming, self._send, UartCounters())

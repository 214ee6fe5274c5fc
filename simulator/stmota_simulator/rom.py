"""The bootloader ROM: AN3155 as a program for the chip's core, with the defects of the version at hand."""

from collections.abc import Callable, Generator
from typing import TypeAlias

from stmota_simulator.chip_model import ChipModel, Quirk, RomModel
from stmota_simulator.cpu import Effect, Ending, Jump, Listen, MeasureBaud, Program, Send, SystemReset, Work
from stmota_simulator.memory import Memory
from stmota_simulator.rom_checksum import get_checksum
from stmota_simulator.rom_erase import RomErase

ACK = 0x79  # AN3155 §3
NACK = 0x1F
REACTION_US = 20
"""From the last byte of a packet to the reply; a few hundred instructions. Our choice, no source."""
OPTION_PROGRAM_US = 25_000
"""Erase and program of the option bytes: about a page erase. Our choice."""

GET, GET_VERSION, GET_ID = 0x00, 0x01, 0x02
READ, GO, WRITE = 0x11, 0x21, 0x31
ERASE, EXTENDED_ERASE = 0x43, 0x44
WRITE_PROTECT, WRITE_UNPROTECT = 0x63, 0x73
READOUT_PROTECT, READOUT_UNPROTECT = 0x82, 0x92
LOST_AFTER_READ_BYTES = 32
"""What an H72x loses of a write that follows a read: a flash word (community.st.com, thread 795174)."""
HIGH_STACK_BYTES = 16  # H74x 9.x: the stack must begin below the end of RAM - 16 (AN2606)
GET_CHECKSUM = 0xA1

OPEN_AT_RDP_1 = frozenset({GET, GET_VERSION, GET_ID, READOUT_UNPROTECT})  # AN3155 §3, RDP 1
PARALLELISM_REGISTER = 0xFFFF_0000
"""Virtual address: a byte there tells the supply range, and the flash is programmed wider (AN3155 §3.6)."""
WIDTH_OF_RANGE = (1, 2, 2, 4, 8)
"""Bytes programmed at once in each supply range (RM0090 §3.6.2); 4 is with VPP."""

Part: TypeAlias = Generator[Effect, bytes, Ending | None]
Packet: TypeAlias = Generator[Effect, bytes, bytes | None]


def checksum(data: bytes) -> int:
    """XOR of all bytes (AN3155 §3)."""
    total = 0
    for byte in data:
        total ^= byte
    return total


class Rom:
    """One run of the ROM, from reset to reset or GO."""

    def __init__(self, chip: ChipModel, rom: RomModel, memory: Memory, now_us: Callable[[], int]) -> None:
        self._chip = chip
        self._rom = rom
        self._memory = memory
        self._flash = memory.flash
        self._options = memory.options
        self._erase = RomErase(chip, rom, memory.flash, now_us)
        self._writes_fail = False
        """A misaligned write makes all later ones fail, until reset (AN2606)."""
        self._has_read = False
        """Whether READ was done and no WRITE since."""
        erase = EXTENDED_ERASE if rom.has_extended_erase else ERASE
        self._commands: dict[int, Callable[[], Part]] = {
            GET: self._get,
            GET_VERSION: self._get_version,
            GET_ID: self._get_id,
            READ: self._read,
            GO: self._go,
            WRITE: self._write,
            erase: self._erase_extended if rom.has_extended_erase else self._erase_pages,
            WRITE_PROTECT: self._write_protect,
            WRITE_UNPROTECT: self._write_unprotect,
            READOUT_PROTECT: self._readout_protect,
            READOUT_UNPROTECT: self._readout_unprotect,
        }
        if rom.has_checksum:
            self._commands[GET_CHECKSUM] = lambda: get_checksum(self._packet, memory)

    @property
    def commands(self) -> list[int]:
        """The codes that GET lists."""
        return sorted(self._commands)

    def program(self, start_up_us: int) -> Program:
        """From the release of NRST on."""
        yield Work(start_up_us)
        yield MeasureBaud(self._rom.parity, self._chip.fastest_baud)
        yield Work(self._rom.sync_reply_us)
        yield Send(bytes([ACK]) * (2 if self._has(Quirk.SYNC_ACKED_TWICE) else 1))
        while True:
            code, complement = yield Listen(2)
            ending = yield from self._obey(code, complement)
            if ending is not None:
                return ending

    def _has(self, quirk: Quirk) -> bool:
        return quirk in self._rom.quirks

    def _obey(self, code: int, complement: int) -> Part:
        command = self._commands.get(code)
        if command is None or code ^ complement != 0xFF:
            return (yield from self._refuse())
        if self._options.rdp_level and code not in OPEN_AT_RDP_1:
            is_doubled = self._has(Quirk.TWO_NACKS_WHEN_PROTECTED) and code in {READ, WRITE}
            yield Send(bytes([NACK]) * (2 if is_doubled else 1))
            return None
        return (yield from command())

    def _refuse(self) -> Part:
        yield Send(bytes([NACK]))
        return None

    def _packet(self, length: int) -> Packet:
        """Receive so many bytes and their checksum; None when it is wrong, and a NACK was sent."""
        packet = yield Listen(length + 1)
        if checksum(packet) == 0:
            return packet[:-1]
        yield Send(bytes([NACK]))
        return None

    def _address(self, is_good: Callable[[int], bool]) -> Generator[Effect, bytes, int | None]:
        """Receive an address and acknowledge it; None when it is refused."""
        packet = yield from self._packet(4)
        if packet is None:
            return None
        address = int.from_bytes(packet, "big")
        if is_good(address):
            yield Send(bytes([ACK]))
            return address
        if not self._has(Quirk.NO_NACK_ON_BAD_ADDRESS):
            yield Send(bytes([NACK]))
        return None

    def _get(self) -> Part:
        listed = bytes([self._rom.protocol, *self.commands])
        announced = 13 if self._has(Quirk.GET_COUNTS_WRONG) else len(listed) - 1
        yield Send(bytes([ACK, announced]) + listed + bytes([ACK]))
        return None

    def _get_version(self) -> Part:
        yield Send(bytes([ACK, self._rom.protocol, 0x00, 0x00, ACK]))
        return None

    def _get_id(self) -> Part:
        product_id = b"\x01" + self._chip.product_id.to_bytes(2, "big")
        yield Send(bytes([ACK]) + (self._rom.id_reply or product_id) + bytes([ACK]))
        return None

    def _read(self) -> Part:
        yield Send(bytes([ACK]))
        address = yield from self._address(self._may_read_at)
        if address is None:
            return None
        count, complement = yield Listen(2)
        content = None if count ^ complement != 0xFF else self._readable(address, count + 1)
        if content is None:
            return (yield from self._refuse())
        self._has_read = True
        yield Send(bytes([ACK]) + content)
        return None

    def _may_read_at(self, address: int) -> bool:
        if self._memory.is_ram(address) and self._has(Quirk.RAM_REFUSED):
            return False
        return self._memory.read(address, 1) is not None

    def _readable(self, address: int, length: int) -> bytes | None:
        is_size = address == self._chip.flash_size_register and length == 2
        if is_size and self._has(Quirk.SHORT_SIZE_READ_REFUSED):
            return None
        return self._memory.read(address, length)

    def _go(self) -> Part:
        if not self._has(Quirk.GO_WITHOUT_FIRST_ACK):
            yield Send(bytes([ACK]))
        address = yield from self._address(self._may_go_to)
        if address is None or self._has(Quirk.GO_NOT_WORKING) or self._balks_at_stack(address):
            return None
        return Jump(address)

    def _balks_at_stack(self, address: int) -> bool:
        if not self._has(Quirk.GO_WANTS_LOW_STACK):
            return False
        stack = self._memory.word(address) or 0
        return any(0 <= area.last + 1 - stack <= HIGH_STACK_BYTES for area in self._chip.ram)

    def _may_go_to(self, address: int) -> bool:
        is_ram = self._memory.is_ram(address, 8) and not self._memory.is_reserved(address)
        is_ram = is_ram and not self._has(Quirk.RAM_REFUSED)
        return address % 4 == 0 and (is_ram or self._memory.is_flash(address, 8))

    def _write(self) -> Part:
        yield Send(bytes([ACK]))
        address = yield from self._address(self._may_write_at)
        if address is None:
            return None
        count = yield Listen(1)
        packet = yield Listen(count[0] + 2)
        if checksum(count + packet):
            return (yield from self._refuse())
        return (yield from self._store(address, packet[:-1]))

    def _may_write_at(self, address: int) -> bool:
        if self._is_parallelism(address) or address in dict(self._chip.options.areas):
            return self._is_parallelism(address) or self._chip.options.is_writable
        if self._memory.is_ram(address):
            return not (self._memory.is_reserved(address) or self._has(Quirk.RAM_REFUSED))
        optional = (self._chip.one_time, self._chip.eeprom)
        return self._memory.is_flash(address) or any(area and area.holds(address) for area in optional)

    def _is_parallelism(self, address: int) -> bool:
        return self._chip.flash.has_parallelism and address == PARALLELISM_REGISTER

    def _store(self, address: int, data: bytes) -> Part:
        if self._is_parallelism(address):
            self._flash.width_bytes = WIDTH_OF_RANGE[min(data[0], len(WIDTH_OF_RANGE) - 1)]
        elif address in dict(self._chip.options.areas):
            return (yield from self._store_options(address, data))
        elif self._memory.is_ram(address):
            if self._memory.is_reserved(address, len(data)) or not self._memory.write_ram(
                address, self._as_ram_gets(data)
            ):
                return (yield from self._refuse())
        elif self._memory.is_flash(address):
            return (yield from self._store_flash(address, data))
        else:
            yield Work(self._flash.program_us(0, len(data)))
            if not (self._memory.write_eeprom(address, data) or self._memory.write_once(address, data)):
                return (yield from self._refuse())
        yield Send(bytes([ACK]))
        return None

    def _as_ram_gets(self, data: bytes) -> bytes:
        return bytes(byte ^ 0xFF for byte in data) if self._has(Quirk.RAM_WRITES_CORRUPTED) else data

    def _store_flash(self, address: int, data: bytes) -> Part:
        self._writes_fail |= bool(address % max(4, self._chip.flash.program_bytes))
        if self._writes_fail or not self._memory.is_flash(address, len(data)):
            return (yield from self._refuse())
        offset = address - self._chip.flash.start
        if self._has(Quirk.WRITE_AFTER_READ_LOSES) and self._has_read:
            self._has_read = False
            offset, data = offset + LOST_AFTER_READ_BYTES, data[LOST_AFTER_READ_BYTES:]
        if self._erase.is_busy(offset):
            self._flash.counters.programs_refused += 1
        else:
            time_us = self._flash.program_us(offset, len(data))
            yield Work(time_us, lambda share: self._flash.program(offset, data, share))
        yield Send(bytes([ACK]))
        return None

    def _store_options(self, address: int, data: bytes) -> Part:
        yield Work(OPTION_PROGRAM_US)
        self._options.write(address, data)
        yield Send(bytes([ACK]))
        return self._after_options()

    def _after_options(self) -> Ending | None:
        self._flash.protected = self._options.protected_units(self._flash.layout)
        if not self._chip.resets_after_options:
            return None
        return SystemReset(reloads_options=not self._has(Quirk.NO_OPTION_RELOAD))

    def _erase_pages(self) -> Part:
        yield Send(bytes([ACK]))
        count = (yield Listen(1))[0]
        if count == 0xFF:
            code = (yield Listen(1))[0]
            if code == 0x00:  # anything else is acknowledged without an erase (AN3155 §3.7)
                yield self._erase.everything()
        else:
            packet = yield Listen(count + 2)
            pages = list(packet[:-1])
            if checksum(packet) ^ count or not self._erase.knows(pages):
                return (yield from self._refuse())
            yield from self._erase.units(pages)
        yield Send(bytes([ACK]))
        return None

    def _erase_extended(self) -> Part:
        yield Send(bytes([ACK]))
        head = yield Listen(2)
        count = int.from_bytes(head, "big")
        if count >= RomErase.FIRST_SPECIAL:
            tail = yield Listen(1)
            if checksum(head + tail) or not self._erase.has_special(count):
                return (yield from self._refuse())
            yield from self._erase.special(count)
        else:
            packet = yield Listen(2 * (count + 1) + 1)
            pages = [int.from_bytes(packet[at : at + 2], "big") for at in range(0, len(packet) - 1, 2)]
            if checksum(head + packet) or not self._erase.knows(pages):
                return (yield from self._refuse())
            yield from self._erase.units(pages)
        yield Send(bytes([ACK]))
        return None

    def _write_protect(self) -> Part:
        yield Send(bytes([ACK]))
        count = yield Listen(1)
        packet = yield Listen(count[0] + 2)
        if checksum(count + packet):
            return (yield from self._refuse())
        yield Work(OPTION_PROGRAM_US)
        self._options.protect(set(packet[:-1]))
        yield Send(bytes([ACK]))
        return self._after_options()

    def _write_unprotect(self) -> Part:
        yield Send(bytes([ACK]))
        yield Work(OPTION_PROGRAM_US)
        self._options.protect(set())
        yield Send(bytes([ACK]))
        return self._after_options()

    def _readout_protect(self) -> Part:
        yield Send(bytes([ACK]))
        yield Work(OPTION_PROGRAM_US)
        self._options.set_rdp_level(1)
        yield Send(bytes([ACK]))
        return self._after_options()

    def _readout_unprotect(self) -> Part:
        yield Send(bytes([ACK]))
        self._memory.clear_ram()
        yield self._erase.regression()
        self._options.set_rdp_level(0)
        yield Send(bytes([ACK]))
        return self._after_options()

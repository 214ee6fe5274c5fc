"""What is where in a chip's address space, as READ MEMORY and the core see it."""

import hashlib

from stmota_simulator.chip_model import ChipModel, Range, RomModel
from stmota_simulator.flash import Flash
from stmota_simulator.options import OptionBytes

UNIQUE_ID_BYTES = 12


class Memory:
    """The address space of one chip: flash, option bytes, RAM, OTP, EEPROM and system memory."""

    def __init__(
        self, chip: ChipModel, rom: RomModel, flash: Flash, options: OptionBytes, serial: str
    ) -> None:
        self.flash = flash
        self.options = options
        self.unique_id = hashlib.sha256(serial.encode()).digest()[:UNIQUE_ID_BYTES]
        self._chip = chip
        self._rom = rom
        self._flash_range = Range(chip.flash.start, chip.flash.start + flash.size - 1)
        self._ram = [(area, bytearray(area.size)) for area in chip.ram]
        self._one_time = _filled(chip.one_time, 0xFF)
        self._eeprom = _filled(chip.eeprom, chip.flash.erased)
        self._rom_code = bytearray(
            hashlib.shake_128(f"{chip.family} {rom.version}".encode()).digest(chip.system_memory.size)
        )
        self._info = bytearray(b"\xff" * chip.info.size)
        self._place_facts()

    def is_flash(self, address: int, length: int = 1) -> bool:
        """Whether all of it is main flash."""
        return self._flash_range.holds(address, length)

    def is_system_memory(self, address: int) -> bool:
        """Whether the ROM is there."""
        return self._chip.system_memory.holds(address)

    def is_ram(self, address: int, length: int = 1) -> bool:
        """Whether all of it is RAM."""
        return any(area.holds(address, length) for area in self._chip.ram)

    def is_stack_top(self, address: int) -> bool:
        """Whether a stack may begin there: inside a RAM or at its end, a multiple of 4."""
        return address % 4 == 0 and any(area.first < address <= area.last + 1 for area in self._chip.ram)

    def is_reserved(self, address: int, length: int = 1) -> bool:
        """Whether the ROM uses any of it itself."""
        return any(
            address <= area.last and address + length - 1 >= area.first for area in self._rom.ram_reserved
        )

    def read(self, address: int, length: int) -> bytes | None:
        """Return memory as READ MEMORY shows it; None if any of it is nowhere."""
        if self.is_flash(address, length):
            offset = address - self._flash_range.first
            return bytes(self.flash.data[offset : offset + length])
        if self.options.area_at(address, length) is not None:
            return self.options.read(address, length)
        for area, content in self._areas():
            if area.holds(address, length):
                offset = address - area.first
                return bytes(content[offset : offset + length])
        return self._read_across(address, length)

    def word(self, address: int) -> int | None:
        """A 32-bit word as the core loads it."""
        data = self.read(address, 4)
        return None if data is None else int.from_bytes(data, "little")

    def write_ram(self, address: int, data: bytes) -> bool:
        """Store bytes in RAM; False if they do not lie in one."""
        for area, content in self._ram:
            if area.holds(address, len(data)):
                content[address - area.first : address - area.first + len(data)] = data
                return True
        return False

    def write_once(self, address: int, data: bytes) -> bool:
        """Program OTP, whose bits only go to 0; False if it is none."""
        area, content = self._one_time
        if area is None or not area.holds(address, len(data)):
            return False
        for at, byte in enumerate(data, address - area.first):
            content[at] &= byte
        return True

    def write_eeprom(self, address: int, data: bytes) -> bool:
        """Write data EEPROM, which needs no erase; False if it is none."""
        area, content = self._eeprom
        if area is None or not area.holds(address, len(data)):
            return False
        content[address - area.first : address - area.first + len(data)] = data
        return True

    def clear_ram(self) -> None:
        """RAM is lost."""
        for _, content in self._ram:
            content[:] = bytes(len(content))

    def _areas(self) -> list[tuple[Range, bytearray]]:
        optional = [(area, content) for area, content in (self._one_time, self._eeprom) if area is not None]
        return [
            *self._ram,
            (self._chip.info, self._info),
            (self._chip.system_memory, self._rom_code),
            *optional,
        ]

    def _read_across(self, address: int, length: int) -> bytes | None:
        """Read over the seam of two areas that follow on each other (L0: option bytes, then the size)."""
        areas = [
            (Range(start, start + len(content) - 1), content) for start, content in self._option_blocks()
        ]
        for area, content in areas:
            neighbour = self._chip.info
            joined = Range(area.first, neighbour.last)
            if area.last + 1 == neighbour.first and joined.holds(address, length):
                offset = address - area.first
                return (bytes(content) + bytes(self._info))[offset : offset + length]
        return None

    def _option_blocks(self) -> list[tuple[int, bytes]]:
        return [
            (start, self.options.read(start, len(content))) for start, content in self._chip.options.areas
        ]

    def _place_facts(self) -> None:
        """Put flash size, unique id and the bootloader's id where they can be read."""
        chip = self._chip
        kib = chip.flash.size // 1024
        self._place(chip.flash_size_register, kib.to_bytes(2, "little"))
        for word, offset in enumerate(chip.unique_id_offsets):
            self._place(chip.unique_id_register + offset, self.unique_id[4 * word : 4 * word + 4])
        if chip.bootloader_id_register is not None:
            self._place(chip.bootloader_id_register, bytes([self._rom.id_byte]))

    def _place(self, address: int, data: bytes) -> None:
        for area, content in ((self._chip.info, self._info), (self._chip.system_memory, self._rom_code)):
            if area.holds(address, len(data)):
                content[address - area.first : address - area.first + len(data)] = data


def _filled(area: Range | None, value: int) -> tuple[Range | None, bytearray]:
    return area, bytearray([value]) * (area.size if area else 0)

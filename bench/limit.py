"""The physical limit of a flash: what AN3155's bytes and the chip's own work take with nobody waiting.

The dialogue is strictly one packet after the other (the ROM has no FIFO and is deaf while it programs), so
wire time of both directions and chip time add up. Reaction times, the chip's and ours, are not in it.
"""

from dataclasses import dataclass

from stmota_simulator.board import VirtualBoard

BITS_PER_BYTE = 11  # start, 8 data, even parity, stop: AN3155 §2
BLOCK = 256  # AN3155 §3.4, §3.6
OPENING = 2 + 1  # command and complement, ACK
ADDRESS = 5 + 1  # four bytes and their XOR, ACK
WRITE_EXTRA = OPENING + ADDRESS + 1 + 1 + 1  # count, XOR, ACK: AN3155 §3.6
READ_EXTRA = OPENING + ADDRESS + 2 + 1  # count and complement, ACK: AN3155 §3.4


@dataclass(frozen=True, slots=True)
class Limit:
    """Seconds that nothing can save."""

    wire_s: float
    """AN3155's bytes in both directions, the image's among them."""
    image_wire_s: float
    """The image's own bytes only: once written and, with a verify, once read."""
    chip_s: float
    """Erasing and programming, by the simulated chip's typical times."""

    @property
    def seconds(self) -> float:
        """The limit by which efficiency is reckoned."""
        return self.wire_s + self.chip_s

    @property
    def image_only_seconds(self) -> float:
        """The stricter variant: as if the protocol needed no bytes of its own."""
        return self.image_wire_s + self.chip_s


def flash_limit(board: VirtualBoard, length: int, baud: int, *, verify: bool) -> Limit:
    """Return the limit for `length` bytes at the flash's start, each erase unit and block touched once."""
    flash = board.memory.flash
    units = range(flash.unit_at(length - 1) + 1)
    blocks = [(start, min(BLOCK, length - start)) for start in range(0, length, BLOCK)]
    overhead = _erase_bytes(board, len(units)) + len(blocks) * (WRITE_EXTRA + verify * READ_EXTRA)
    image = length * (1 + verify)
    chip_us = sum(flash.erase_us(unit) for unit in units)
    chip_us += sum(flash.program_us(start, size) for start, size in blocks)
    byte_s = BITS_PER_BYTE / baud
    return Limit((overhead + image) * byte_s, image * byte_s, chip_us / 1e6)


def _erase_bytes(board: VirtualBoard, units: int) -> int:
    """Bytes of the erase commands: the unit with the vector table in one of its own, all others in one."""
    width = 2 if board.chip.rom.has_extended_erase else 1  # AN3155 §3.8, §3.7
    commands = [1] + ([units - 1] if units > 1 else [])
    return sum(OPENING + width * (1 + count) + 1 + 1 for count in commands)
